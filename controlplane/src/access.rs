//! Who may do what: bearer tokens, each with a role.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use config::{NoSecret, Role};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// A token is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// Its place has none.
    #[error("controlplane.tokens: token {name:?} cannot be had")]
    NoSecret {
        /// The token's name.
        name: String,
        /// Why.
        source: NoSecret,
    },
    /// It is empty.
    #[error("controlplane.tokens: token {name:?} is empty")]
    Empty {
        /// The token's name.
        name: String,
    },
}

/// The tokens that are taken. Their digests alone are kept.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Vec<Token>);

#[derive(Debug)]
struct Token {
    name: Arc<str>,
    role: Role,
    digest: Digest,
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The name of the token; none where there are no tokens.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) role: Role,
    pub(crate) peer: SocketAddr,
}

impl Caller {
    /// For the log.
    pub(crate) fn who(&self) -> &str {
        self.name.as_deref().unwrap_or("anybody")
    }

    pub(crate) fn may_write(&self) -> bool {
        self.role == Role::Write
    }
}

impl Tokens {
    /// Reads every token from its place. Blocks while it reads files.
    pub(crate) fn load(configured: &[config::ControlToken]) -> Result<Self, AccessError> {
        let env = |name: &str| std::env::var(name).ok();
        let token = |one: &config::ControlToken| {
            let name = one.name.clone();
            let secret =
                one.token.secret(env).map_err(|source| AccessError::NoSecret { name: name.clone(), source })?;
            match secret {
                Some(secret) if !secret.expose().is_empty() => {
                    let digest = digest(&SHA256, secret.expose().as_bytes());
                    Ok(Token { name: name.into(), role: one.role, digest })
                }
                _ => Err(AccessError::Empty { name }),
            }
        };
        Ok(Self(configured.iter().map(token).collect::<Result<_, _>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who makes a request with these headers; `None` if nobody may who has no better token. Takes as long whichever token it
    /// is, or none.
    pub(crate) fn caller(&self, headers: &HeaderMap, peer: SocketAddr) -> Option<Caller> {
        if self.is_empty() {
            return Some(Caller { name: None, role: Role::Write, peer });
        }
        let shown = bearer(headers)?;
        let shown = digest(&SHA256, shown);
        let mut found = None;
        for token in &self.0 {
            if verify_slices_are_equal(token.digest.as_ref(), shown.as_ref()).is_ok() {
                found = Some(token);
            }
        }
        found.map(|token| Caller { name: Some(Arc::clone(&token.name)), role: token.role, peer })
    }
}

/// The token in `Authorization: Bearer …`; none if there are several headers.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return None };
    let value = value.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use config::Credential;
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        values.collect()
    }

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5))
    }

    fn token(name: &str, role: Role, token: Credential) -> config::ControlToken {
        config::ControlToken { name: name.to_owned(), role, token }
    }

    #[test]
    fn a_token_gives_its_role_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        // One newline at its end belongs to the file.
        fs::write(&file, "p#a$s/%41:w@rd\r\n").unwrap();
        let tokens = Tokens::load(&[
            token("dash", Role::Read, Credential { value: Some("look".parse().unwrap()), ..Credential::default() }),
            token("ops", Role::Write, Credential { file: Some(file), ..Credential::default() }),
        ]);
        let tokens = tokens.unwrap();
        let caller = |values: &[&str]| {
            tokens.caller(&headers(values), peer()).map(|caller| (caller.who().to_owned(), caller.may_write()))
        };
        assert_eq!(caller(&["Bearer look"]), Some(("dash".to_owned(), false)));
        assert_eq!(caller(&["bearer p#a$s/%41:w@rd"]), Some(("ops".to_owned(), true)));
        for nobody in
            [&[][..], &["look"], &["Basic look"], &["Bearer "], &["Bearer loo"], &["Bearer look", "Bearer look"]]
        {
            assert_eq!(caller(nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn without_tokens_anybody_may_do_everything() {
        let caller = Tokens::default().caller(&HeaderMap::new(), peer()).unwrap();
        assert!(caller.may_write() && caller.name.is_none());
    }

    #[test]
    fn a_token_that_is_not_there_is_named_and_an_empty_one_is_no_token() {
        let unset = Credential { environment: Some("FRONTIER_TEST_UNSET".to_owned()), ..Credential::default() };
        let error = Tokens::load(&[token("ops", Role::Write, unset)]).unwrap_err();
        assert!(matches!(&error, AccessError::NoSecret { name, .. } if name == "ops"), "{error}");
        let empty = Credential { value: Some("".parse().unwrap()), ..Credential::default() };
        assert!(matches!(Tokens::load(&[token("ops", Role::Write, empty)]), Err(AccessError::Empty { .. })));
    }
}
