//! Secrets, and addresses that may hold one: they can be used, and are never printed.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use crate::field::text_form;
use crate::section::section;

/// What stands in place of a secret wherever one could be printed.
const MASK: &str = "********";

/// A secret text. Whatever prints it prints a mask; [`Secret::expose`] alone gives it away.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// The text itself, to be handed to whoever asks for the password and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

text_form! { Secret, |_secret| MASK, schemars::json_schema!({ "type": "string" }) }

/// An address of a broker: `host:port`, or a URL, which may hold a password.
///
/// Printed, the password is masked; a login without one is masked whole, since it may be a token.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct BrokerAddr(String);

impl BrokerAddr {
    /// The address as it was written, a password in it included.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Without the password or token.
impl fmt::Display for BrokerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((credentials, host)) = self.0.rsplit_once('@') else {
            return f.write_str(&self.0);
        };
        let login_at = credentials.find("://").map_or(0, |scheme| scheme + "://".len());
        let (scheme, login) = credentials.split_at(login_at);
        // An empty password is none: then the name is all there is, as a token is.
        match login.split_once(':') {
            Some((user, password)) if !password.is_empty() => write!(f, "{scheme}{user}:{MASK}@{host}"),
            _ => write!(f, "{scheme}{MASK}@{host}"),
        }
    }
}

impl fmt::Debug for BrokerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BrokerAddr {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

text_form! { BrokerAddr, |addr| &addr.to_string(), schemars::json_schema!({ "type": "string" }) }

section! {
    /// A secret, from one of three places. It is never printed.
    pub struct Credential {
        /// The secret itself.
        value: Option<Secret> = None,
        /// A file that holds it. One newline at its end is taken off.
        file: Option<PathBuf> = None,
        /// The environment variable that holds it.
        environment: Option<String> = None,
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoSecret {
    /// The file cannot be read.
    #[error("secret file {}: cannot be read", file.display())]
    Unreadable {
        /// The file that was asked for.
        file: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The variable is not set.
    #[error("environment variable {name} is not set; it should hold a secret")]
    NotSet {
        /// The variable that was asked for.
        name: String,
    },
}

impl Credential {
    /// Whether it names no place.
    pub fn is_empty(&self) -> bool {
        self.places() == 0
    }

    /// How many places it names; more than one is refused by [`load`](crate::load).
    pub(crate) fn places(&self) -> usize {
        [self.value.is_some(), self.file.is_some(), self.environment.is_some()]
            .into_iter()
            .filter(|&there| there)
            .count()
    }

    /// The secret, read anew from its file at each call; none where no place is named. `env` looks a variable up.
    ///
    /// # Errors
    /// [`NoSecret`]: the place that is named has none.
    pub fn secret(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<Secret>, NoSecret> {
        if let Some(file) = &self.file {
            let cause = |cause| NoSecret::Unreadable { file: file.clone(), cause };
            let text = fs::read_to_string(file).map_err(cause)?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            return Ok(Some(Secret(line.strip_suffix('\r').unwrap_or(line).to_owned())));
        }
        if let Some(name) = &self.environment {
            return env(name).map(|text| Some(Secret(text))).ok_or_else(|| NoSecret::NotSet { name: name.clone() });
        }
        Ok(self.value.clone())
    }
}

#[cfg(test)]
mod tests;
