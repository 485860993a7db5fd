use super::*;
use crate::{Format, Level, Output};

/// An environment of these variables alone.
fn env<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| {
        let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
        Some((*value).to_owned())
    }
}

fn applied(variables: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    apply(&mut config, &mut Places::default(), env(variables), flags)?;
    Ok(config)
}

#[test]
fn without_variables_and_flags_nothing_changes() {
    assert_eq!(applied(&[], &Overrides::default()).unwrap(), Config::default());
}

#[test]
fn empty_values_count_as_absent() {
    let variables = [("LOG_LEVEL", ""), ("LOG_FILE", ""), ("NODE_NAME", ""), ("FRONTIER_EDGEBOUND_PORT", "")];
    let flags = Overrides {
        log_level: Some(String::new()),
        log_output: Some(String::new()),
        log_format: Some(String::new()),
        log_file: Some(String::new()),
        open_files: None,
    };
    assert_eq!(applied(&variables, &flags).unwrap(), Config::default());
}

#[test]
fn variables_win_over_the_file() {
    let variables = [
        ("LOG_LEVEL", "WARN"),
        ("LOG_OUTPUT", "both"),
        ("LOG_FORMAT", "json"),
        ("LOG_FILE", "/tmp/x.log"),
        ("NODE_NAME", "node-7"),
        ("FRONTIER_SERVICEBOUND_PORT", "1"),
        ("FRONTIER_EDGEBOUND_PORT", "0"),
    ];
    let config = applied(&variables, &Overrides::default()).unwrap();
    assert_eq!(config.log.level, Level::Warn);
    assert_eq!(config.log.output, Output::Both);
    assert_eq!(config.log.format, Format::Json);
    assert_eq!(config.log.file.path.to_str(), Some("/tmp/x.log"));
    assert_eq!(config.daemon.frontier_id, "frontier-node-7");
    assert_eq!(config.servicebound.listen.addr.to_string(), "0.0.0.0:1");
    assert_eq!(config.edgebound.listen.addr.to_string(), "0.0.0.0:0");
}

#[test]
fn flags_win_over_variables_even_bad_ones() {
    let flags = Overrides { log_level: Some("error".to_owned()), ..Overrides::default() };
    let config = applied(&[("LOG_LEVEL", "loud")], &flags).unwrap();
    assert_eq!(config.log.level, Level::Error);
}

#[test]
fn a_bad_value_names_its_variable_or_flag() {
    let flags = Overrides { log_format: Some("xml".to_owned()), ..Overrides::default() };
    for (variables, flags, expected) in [
        (
            [("LOG_LEVEL", "loud")],
            Overrides::default(),
            r#"environment variable LOG_LEVEL: "loud" is not supported; it must be debug, info, warn or error"#,
        ),
        (
            [("FRONTIER_EDGEBOUND_PORT", "70000")],
            Overrides::default(),
            r#"environment variable FRONTIER_EDGEBOUND_PORT: "70000" is not a port: a number from 0 to 65535"#,
        ),
        ([("", "")], flags, r#"flag --log-format: "xml" is not supported; it must be text or json"#),
    ] {
        let error = applied(&variables, &flags).unwrap_err();
        assert!(matches!(error, ConfigError::Override { .. }), "{error}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_drain_window_is_read_in_whole_seconds() {
    for (given, seconds) in [("", 30), ("0", 0), ("1", 1), ("86400", 86_400)] {
        let window = drain_window(env(&[("FRONTIER_DRAIN_SECONDS", given)]));
        assert_eq!(window, Ok(Duration::from_secs(seconds)), "{given:?}");
    }
    assert_eq!(drain_window(env(&[])), Ok(DEFAULT_DRAIN));
}

#[test]
fn a_drain_window_that_cannot_be_meant_is_refused() {
    for given in ["-1", "30s", "1.5", "86401", "99999999999999999999", "soon"] {
        let error = drain_window(env(&[("FRONTIER_DRAIN_SECONDS", given)])).unwrap_err();
        assert!(error.to_string().contains(given), "{error}");
        assert!(error.to_string().ends_with("30 is used"), "{error}");
    }
}
