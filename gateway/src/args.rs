//! The command line.

use std::ffi::OsString;
use std::path::Path;

use clap::{Parser, Subcommand};
use config::{Overrides, Request};

/// What `--daemon-rlimit-nofile` means without a value.
const DEFAULT_NOFILE: &str = "1048576";

/// The gateway between services and edges.
#[derive(Debug, Parser)]
#[command(name = "frontier", version, args_override_self = true, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) source: Source,

    /// The Go gateway takes `--daemon-rlimit-nofile` as given without a value when a blank stands before the number, and
    /// ignores the number.
    #[arg(hide = true, requires = "daemon_rlimit_nofile")]
    ignored_number: Option<i64>,

    /// Start scripts written for older versions of the Go gateway pass a verbosity.
    #[arg(short = 'v', hide = true, num_args = 0..=1)]
    ignored_verbosity: Option<String>,
}

/// What else the program does than to run a gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say whether a gateway would start with this configuration, and print what it would run with, secrets masked
    #[command(args_override_self = true)]
    Check(Check),
    /// Print the JSON Schema of the configuration file
    Schema(Form),
    /// Look into where topics go
    #[command(subcommand)]
    Routes(Routes),
    /// Ask a running gateway whether it is well; the exit status is 0 if so
    Health(Probe),
}

/// What is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// Print no configuration: connect to the broker of every bridge, as a gateway would, and say what is wrong with any;
    /// nothing is sent
    #[arg(long)]
    pub(crate) connect: bool,

    #[command(flatten)]
    pub(crate) source: Source,
}

/// What can be asked about routes.
#[derive(Debug, Subcommand)]
pub(crate) enum Routes {
    /// Say where a message of an edge would go with this configuration, and why; nothing is sent
    #[command(args_override_self = true)]
    Test(Box<RouteTest>),
}

/// A message that is asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct RouteTest {
    /// Its topic
    #[arg(long)]
    pub(crate) topic: String,

    /// The id of the edge
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) edge_id: u64,

    /// What the edge says of itself, for destinations and keys made of it
    #[arg(long, value_name = "JSON", default_value = "")]
    pub(crate) meta: String,

    #[command(flatten)]
    pub(crate) source: Source,
}

/// Where the configuration comes from. A gateway and the check of its configuration take the same.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Source {
    /// YAML file to read; without one the conventional ports and local edge ids are used
    #[arg(long, value_name = "FILE")]
    config: Option<OsString>,

    /// Warn of unknown keys in the file in place of refusing them
    #[arg(long)]
    lenient: bool,

    /// Least severity to log: debug, info, warn, error
    #[arg(long, value_name = "LEVEL")]
    loglevel: Option<String>,

    /// Where to log to: stdout, stderr, file, both (stdout and file)
    #[arg(long, value_name = "OUTPUT")]
    log_output: Option<String>,

    /// How a log line looks: text, json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// File to log to, for the outputs file and both
    #[arg(long, value_name = "FILE")]
    log_file: Option<String>,

    /// Limit of open files to ask the system for
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DEFAULT_NOFILE, allow_negative_numbers = true)]
    daemon_rlimit_nofile: Option<i64>,
}

/// In which form the schema is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Form {
    /// As the documentation of every key, in Markdown
    #[arg(long, conflicts_with = "sample")]
    pub(crate) markdown: bool,

    /// As a YAML file with every key and its default
    #[arg(long)]
    pub(crate) sample: bool,
}

/// Whom to ask, and what.
#[derive(Debug, clap::Args)]
pub(crate) struct Probe {
    /// Its `observability.addr`
    #[arg(long, value_name = "HOST:PORT", env = "FRONTIER_HEALTH_ADDR", default_value = "127.0.0.1:9091")]
    pub(crate) addr: String,

    /// Ask whether it lets newcomers in, too: it does not while it drains
    #[arg(long)]
    pub(crate) ready: bool,
}

impl Source {
    /// The file to read; an empty path means none, as in the Go gateway.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref().filter(|path| !path.is_empty()).map(Path::new)
    }

    /// What the configuration is made of.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            file: self.file(),
            lenient: self.lenient,
            flags: Overrides {
                log_level: self.loglevel.clone(),
                log_output: self.log_output.clone(),
                log_format: self.log_format.clone(),
                log_file: self.log_file.clone(),
                open_files: self.daemon_rlimit_nofile.and_then(|number| u64::try_from(number).ok()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn request(args: &Args) -> Request<'_> {
        args.source.request()
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(format!("frontier {line}").split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_flag_takes_its_value_with_a_blank_or_an_equals_sign() {
        for line in [
            "--config a.yaml --loglevel warn --log-output file --log-format json --log-file b.log",
            "--config=a.yaml --loglevel=warn --log-output=file --log-format=json --log-file=b.log",
        ] {
            let args = parse(line).unwrap();
            let Request { file, flags, .. } = request(&args);
            assert_eq!(file, Some(Path::new("a.yaml")));
            assert_eq!(flags.log_level.as_deref(), Some("warn"));
            assert_eq!(flags.log_output.as_deref(), Some("file"));
            assert_eq!(flags.log_format.as_deref(), Some("json"));
            assert_eq!(flags.log_file.as_deref(), Some("b.log"));
        }
    }

    #[test]
    fn the_limit_of_open_files_takes_its_value_by_an_equals_sign_alone() {
        for (line, expected) in [
            ("", None),
            ("--daemon-rlimit-nofile", Some(1_048_576)),
            ("--daemon-rlimit-nofile=4096", Some(4096)),
            ("--daemon-rlimit-nofile=-1", None),
            ("--daemon-rlimit-nofile 4096", Some(1_048_576)),
            ("--daemon-rlimit-nofile --config a.yaml", Some(1_048_576)),
        ] {
            assert_eq!(request(&parse(line).unwrap()).flags.open_files, expected, "{line}");
        }
    }

    #[test]
    fn a_verbosity_is_ignored() {
        for line in ["-v 1", "-v", "-v1", "-v --config a.yaml"] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn the_last_of_repeated_flags_wins() {
        let args = parse("--loglevel info --loglevel error").unwrap();
        assert_eq!(request(&args).flags.log_level.as_deref(), Some("error"));
    }

    #[test]
    fn an_empty_config_path_is_none() {
        let args = Args::try_parse_from(["frontier", "--config", "", "--loglevel="]).unwrap();
        assert_eq!(request(&args).file, None);
    }

    #[test]
    fn a_check_takes_what_a_start_takes() {
        let flags = "--config a.yaml --lenient --loglevel warn --daemon-rlimit-nofile=4096";
        let started = parse(flags).unwrap();
        let checked = parse(&format!("check {flags}")).unwrap();
        let Some(Command::Check(Check { connect: false, source })) = checked.command else {
            panic!("{checked:?}");
        };
        assert_eq!(format!("{:?}", source.request()), format!("{:?}", started.source.request()));
    }

    #[test]
    fn what_is_not_known_is_a_usage_error() {
        for line in
            ["a.yaml", "4096", "--daemon-rlimit-nofile many", "--verbose", "--config", "start", "--lenient check"]
        {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
