//! Where each value of a configuration was written, for messages about what values mean together.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Origin, Place};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// In the file.
    File(Place),
    /// Outside of it.
    Override(Origin),
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => place.fmt(f),
            Self::Override(origin) => origin.fmt(f),
        }
    }
}

/// Where each value was written, by its dotted key.
#[derive(Debug, Default)]
pub(crate) struct Places {
    file: PathBuf,
    keys: HashMap<String, Site>,
}

impl Places {
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), keys: HashMap::new() }
    }

    /// Remembers where `key` stands in the file.
    pub(crate) fn found(&mut self, key: String, line: u64, column: u64) {
        let place = Place::new(&self.file, line, column);
        self.keys.insert(key, Site::File(place));
    }

    /// Remembers where something stands, unless that is known already.
    pub(crate) fn found_first(&mut self, key: String, line: u64, column: u64) {
        let place = Place::new(&self.file, line, column);
        self.keys.entry(key).or_insert(Site::File(place));
    }

    /// Remembers that `key` comes from outside the file.
    pub(crate) fn overridden(&mut self, key: &str, origin: Origin) {
        self.keys.insert(key.to_owned(), Site::Override(origin));
    }

    /// Where `key` was written; if it was not, where the section that could hold it was.
    pub(crate) fn site(&self, key: &str) -> Site {
        let mut key = key;
        loop {
            if let Some(site) = self.keys.get(key) {
                return site.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return Site::File(Place::new(&self.file, 0, 0)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_looked_for_in_its_section() {
        let mut places = Places::of(Path::new("f.yaml"));
        places.found("edgebound".to_owned(), 3, 1);
        places.found("bridges[1].kafka".to_owned(), 9, 5);
        places.overridden("frontlas.enable", Origin::Variable("FRONTLAS_ADDR"));
        for (key, expected) in [
            ("edgebound.listen.tls.certs[0].key", "f.yaml:3:1"),
            ("bridges[1].kafka.addrs", "f.yaml:9:5"),
            ("bridges[0].kafka", "f.yaml"),
            ("frontlas.enable", "environment variable FRONTLAS_ADDR"),
        ] {
            assert_eq!(places.site(key).to_string(), expected, "{key}");
        }
    }
}
