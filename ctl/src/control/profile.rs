//! The profile: a file that says where the control plane is and which token to show.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::failure::Failure;

/// What a profile says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) endpoint: Option<String>,
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
}

impl Profile {
    /// Reads `file`, or the usual one if there is one.
    pub(super) fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let usual = file.is_none().then(usual).flatten();
        let Some(path) = file.or(usual.as_deref()) else { return Ok(Self::default()) };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Failure::Local(format!("{}: cannot be read: {error}", path.display()))),
        };
        Self::parse(&text).map_err(|error| Failure::Local(format!("{}:{error}", path.display())))
    }

    /// Reads lines `key = value`; `#` begins a line that says nothing.
    fn parse(text: &str) -> Result<Self, String> {
        let mut profile = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| format!("{number}: not a line `key = value`"))?;
            let value = value.trim();
            match key.trim() {
                "endpoint" => profile.endpoint = Some(value.to_owned()),
                "token" => profile.token = Some(value.to_owned()),
                "token_file" => profile.token_file = Some(value.into()),
                key => return Err(format!("{number}: unknown key {key:?}; there are endpoint, token and token_file")),
            }
        }
        if profile.token.is_some() && profile.token_file.is_some() {
            return Err("1: a token comes from one place; keep one of token and token_file".to_owned());
        }
        Ok(profile)
    }
}

/// Where it is if nobody says.
fn usual() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("frontier").join("profile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_lines_of_keys_and_values() {
        let profile = Profile::parse("# production\n\nendpoint = ops.test:30010\ntoken=a=b c\n").unwrap();
        assert_eq!(profile.endpoint.as_deref(), Some("ops.test:30010"));
        assert_eq!(profile.token.as_deref(), Some("a=b c"));
        for (wrong, expected) in [
            ("endpoint", "1: not a line `key = value`"),
            ("\ntokn = x", "2: unknown key \"tokn\"; there are endpoint, token and token_file"),
            ("token = a\ntoken_file = b", "1: a token comes from one place; keep one of token and token_file"),
        ] {
            assert_eq!(Profile::parse(wrong), Err(expected.to_owned()));
        }
    }
}
