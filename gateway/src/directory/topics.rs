//! Topic filters of services: exact, with `*` inside as a glob, or `*` alone for what nobody else takes.

/// What a service asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Filter {
    Exact(Box<str>),
    Glob(Box<str>),
    Fallback,
}

impl Filter {
    pub(super) fn parse(topic: &str) -> Filter {
        if topic == "*" {
            Filter::Fallback
        } else if topic.contains('*') {
            Filter::Glob(topic.into())
        } else {
            Filter::Exact(topic.into())
        }
    }

    /// As it was asked for.
    pub(super) fn text(&self) -> &str {
        match self {
            Filter::Exact(topic) | Filter::Glob(topic) => topic,
            Filter::Fallback => "*",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_alone_is_the_fallback() {
        assert_eq!(Filter::parse("*"), Filter::Fallback);
        assert_eq!(Filter::parse("a*"), Filter::Glob("a*".into()));
        assert_eq!(Filter::parse("a"), Filter::Exact("a".into()));
    }
}
