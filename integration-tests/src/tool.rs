//! Our built programs as a user has them: arguments, standard input, output, exit code.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Gateway;
use crate::log::Log;
use crate::process::{self, Signal};
use crate::wait::PATIENCE;

/// A program and its arguments, not started yet.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    said: String,
}

/// What a program did that has ended.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of its standard output.
    pub out: Vec<u8>,
    /// All of its standard error.
    pub err: String,
}

impl Done {
    /// Its standard output as text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("text")
    }
}

/// A program that runs. Dropping it kills the process; a test that fails prints what it said.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    said: String,
    /// Lines of its standard output.
    pub out: Log,
    /// Lines of its standard error.
    pub err: Log,
}

impl Tool {
    /// The program at `path`, with arguments that are separated by spaces. It finds `gateway` by the environment.
    #[must_use]
    pub fn new(path: &Path, gateway: &Gateway, args: &str) -> Self {
        let mut command = Command::new(path);
        command.args(args.split_whitespace());
        command.env("FRONTIER_EDGE_ADDR", gateway.edge.to_string());
        command.env("FRONTIER_SERVICE_ADDR", gateway.service.to_string());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self { command, said: format!("{name} {args}") }
    }

    /// The program `name` of `PATH` that knows of no gateway, with arguments that are separated by spaces.
    #[must_use]
    pub fn installed(name: &str, args: &str) -> Self {
        let mut command = Command::new(name);
        command.args(args.split_whitespace());
        Self { command, said: format!("{name} {args}") }
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The folder that it runs in.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// More arguments, separated by spaces.
    #[must_use]
    pub fn words(mut self, args: &str) -> Self {
        self.command.args(args.split_whitespace());
        self.said.push_str(&format!(" {args}"));
        self
    }

    /// One more argument, which may hold spaces.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self.said.push_str(&format!(" {arg:?}"));
        self
    }

    /// Runs it to its end, with this standard input.
    ///
    /// # Panics
    /// When it cannot be started or does not end.
    #[must_use]
    #[track_caller]
    pub fn run(self, input: &[u8]) -> Done {
        self.run_within(PATIENCE, input)
    }

    /// [`Tool::run`] with a patience of its own.
    ///
    /// # Panics
    /// When it cannot be started or does not end.
    #[must_use]
    #[track_caller]
    pub fn run_within(mut self, patience: Duration, input: &[u8]) -> Done {
        let mut child = self.spawn();
        let (stdin, input) = (child.stdin.take(), input.to_owned());
        let feeder = thread::spawn(move || {
            // A program may end before it has read everything.
            stdin.map(|mut stdin| stdin.write_all(&input))
        });
        let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let said = self.said;
        let mut running = Running { child, stdin: None, said: said.clone(), out: Log::default(), err: Log::default() };
        let status = process::wait_exit(&mut running.child, patience, &said);
        drop(feeder.join());
        let (out, err) = (out.join().expect("no panic"), err.join().expect("no panic"));
        Done { code: status.code().unwrap_or(-1), out, err: String::from_utf8_lossy(&err).into_owned() }
    }

    /// Starts it.
    ///
    /// # Panics
    /// When that is not possible.
    #[must_use]
    #[track_caller]
    pub fn start(mut self) -> Running {
        let mut child = self.spawn();
        let (out, err) = (Log::default(), Log::default());
        out.collect(child.stdout.take().expect("stdout is piped"));
        err.collect(child.stderr.take().expect("stderr is piped"));
        Running { stdin: child.stdin.take(), child, said: self.said, out, err }
    }

    #[track_caller]
    fn spawn(&mut self) -> Child {
        let command = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("`{}` does not start: {error}", self.said))
    }
}

fn collect(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            from.read_to_end(&mut bytes).expect("a pipe can be read");
        }
        bytes
    })
}

impl Running {
    /// Waits for a line of standard output that contains `part`, and returns it.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn prints(&self, part: &str) -> String {
        self.out.wait_for(part, PATIENCE).unwrap_or_else(|| panic!("`{}` never printed {part:?}", self.said))
    }

    /// Waits for a line of standard error that contains `part`, and returns it.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn notes(&self, part: &str) -> String {
        self.err.wait_for(part, PATIENCE).unwrap_or_else(|| panic!("`{}` never noted {part:?}", self.said))
    }

    /// Types this.
    ///
    /// # Panics
    /// When the program takes no input any more.
    #[track_caller]
    pub fn types(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("the program takes its input");
    }

    /// Ends standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        process::signal(&self.child, signal);
    }

    /// Waits for the end; the exit code, -1 if a signal ended it. All output is in the logs then.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn exit_code(&mut self) -> i32 {
        let status = process::wait_exit(&mut self.child, PATIENCE, &self.said);
        assert!(self.out.wait_for_end(PATIENCE) && self.err.wait_for_end(PATIENCE), "its outputs end with it");
        status.code().unwrap_or(-1)
    }

    /// Asks for the end by `signal`, and waits for it; the exit code.
    ///
    /// # Panics
    /// When it goes on.
    #[track_caller]
    pub fn end(mut self, signal: Signal) -> i32 {
        self.signal(signal);
        self.exit_code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            let (out, err) = (self.out.lines().join("\n"), self.err.lines().join("\n"));
            eprintln!("`{}` said:\n{out}\nand noted:\n{err}", self.said);
        }
        // A process that has already ended cannot be killed; that is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
