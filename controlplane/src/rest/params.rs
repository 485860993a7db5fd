//! Parameters of the query and the path.

use std::num::IntErrorKind;

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::failure::Failure;

/// The parameters of a query.
///
/// A name is taken as in the schema, `page_size`, and as JSON writes it, `pageSize`. An empty value counts as absent, an
/// unknown name as nothing.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query of `uri`.
    pub(super) fn read(uri: &Uri) -> Result<Self, Failure> {
        Ok(Self(pairs(uri).map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect::<Result<_, Failure>>()?))
    }

    /// The parameters in the query of `uri` as they were written, but for these.
    pub(super) fn without(uri: &Uri, names: &[&str]) -> Vec<String> {
        let kept = pairs(uri).filter(|(name, _)| decoded(name).is_ok_and(|name| !names.contains(&name.as_str())));
        kept.map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Whether it is given.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, value)| name == field && !value.is_empty())
    }

    /// A text.
    pub(super) fn text(&self, field: &str) -> Result<Option<String>, Failure> {
        Ok(self.value(field)?.map(str::to_owned))
    }

    /// A number that may be negative.
    pub(super) fn signed(&self, field: &str) -> Result<Option<i64>, Failure> {
        let parse = |text: &str| {
            text.parse().map_err(|error: std::num::ParseIntError| bad(field, "ParseInt", text, error.kind()))
        };
        self.value(field)?.map(parse).transpose()
    }

    /// A number that is not negative.
    pub(super) fn unsigned(&self, field: &str) -> Result<Option<u64>, Failure> {
        self.value(field)?.map(|text| id(field, text)).transpose()
    }

    fn value(&self, field: &str) -> Result<Option<&str>, Failure> {
        let camel = camel(field);
        let mut values =
            self.0.iter().filter(|(name, _)| name == field || *name == camel).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(Failure::Field { field: field.to_owned(), reason: "it is given more than once".to_owned() });
        }
        Ok(value.filter(|value| !value.is_empty()))
    }
}

/// An id, from a path or a query: digits alone.
pub(super) fn id(field: &str, text: &str) -> Result<u64, Failure> {
    if text.starts_with('+') {
        return Err(bad(field, "ParseUint", text, &IntErrorKind::InvalidDigit));
    }
    text.parse().map_err(|error: std::num::ParseIntError| bad(field, "ParseUint", text, error.kind()))
}

/// Worded as the Go gateway does, whose clients may look at it.
fn bad(field: &str, parser: &str, text: &str, kind: &IntErrorKind) -> Failure {
    let why = match kind {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    Failure::Field { field: field.to_owned(), reason: format!("strconv.{parser}: parsing {text:?}: {why}") }
}

fn pairs(uri: &Uri) -> impl Iterator<Item = (&str, &str)> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Undoes what a form's encoding does.
fn decoded(text: &str) -> Result<String, Failure> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned());
    decoded.map_err(|_| Failure::Field { field: text.to_owned(), reason: "it is not UTF-8".to_owned() })
}

/// `page_size` as `pageSize`.
fn camel(field: &str) -> String {
    let mut parts = field.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1.min(part.len()));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::read(&format!("/v1/edges?{query}").parse().unwrap()).unwrap()
    }

    #[test]
    fn both_spellings_are_taken_and_empty_is_absent() {
        let params = params("pageSize=7&page=&meta=a%5F%2B+%C3%A4&unknown=1&unknown=2");
        assert_eq!(params.signed("page_size").unwrap(), Some(7));
        assert_eq!(params.signed("page").unwrap(), None);
        assert_eq!(params.text("meta").unwrap().as_deref(), Some("a_+ ä"));
        assert_eq!(params.text("addr").unwrap(), None);
    }

    #[test]
    fn a_parameter_that_is_given_twice_is_refused_in_whatever_spelling() {
        for query in ["page=1&page=2", "page_size=1&pageSize=1"] {
            let params = params(query);
            assert!(params.signed("page").is_err() || params.signed("page_size").is_err(), "{query}");
        }
    }

    #[test]
    fn numbers_are_told_as_go_tells_them() {
        let said = |text: &str| id("edge_id", text).map_err(|failure| failure.to_string());
        assert_eq!(said("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(
            said("rpcs"),
            Err("parsing field \"edge_id\": strconv.ParseUint: parsing \"rpcs\": invalid syntax".into())
        );
        assert_eq!(
            said("18446744073709551616"),
            Err("parsing field \"edge_id\": strconv.ParseUint: parsing \"18446744073709551616\": value out of range"
                .into())
        );
        for wrong in ["-1", "+1", "", "1_0", "0x1", " 1"] {
            assert!(said(wrong).is_err(), "{wrong}");
        }
        assert_eq!(params("page=-3").signed("page").unwrap(), Some(-3));
        assert!(params("page=1e3").signed("page").is_err());
    }

    #[test]
    fn the_rest_of_a_query_stays_as_it_was_written() {
        let uri: Uri = "/v1/edges?order=%2Bmeta&after=t.1.2&page=3&page_size=2".parse().unwrap();
        assert_eq!(Params::without(&uri, &["after", "page"]), ["order=%2Bmeta", "page_size=2"]);
    }
}
