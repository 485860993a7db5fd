//! Which bridges take a topic.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use config::Delivery;
use futures_util::future::{BoxFuture, FutureExt};
use proto::id::EdgeId;
use proto::topic;

use crate::open::{Client, OpenError, check_destination, connector};
use crate::record::{EdgeMeta, Message, MessageIds};
use crate::supervisor::{BridgeHandle, supervise};
use crate::{Answer, Connector, PublishError, template};

/// The bridges that take a topic, each by its place among all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Each of them gets the message.
    pub all: Vec<usize>,
    /// One gets it, chosen among these and the services that take the topic.
    pub one: Vec<usize>,
}

impl Route {
    /// Whether no bridge takes the topic.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.one.is_empty()
    }
}

/// What of a configuration says which topics a bridge takes.
#[derive(Debug)]
struct Topics {
    delivery: Vec<Delivery>,
    exact: HashMap<Box<str>, Vec<usize>>,
    globs: Vec<(Box<str>, usize)>,
    fallback: Vec<usize>,
}

impl Topics {
    fn new<'a>(configs: impl Iterator<Item = &'a config::Bridge>) -> Self {
        let (mut delivery, mut exact) = (Vec::new(), HashMap::<Box<str>, Vec<usize>>::new());
        let (mut globs, mut fallback) = (Vec::new(), Vec::new());
        for (at, config) in configs.enumerate() {
            delivery.push(config.delivery);
            for topic in &config.topics {
                if topic.contains('*') {
                    globs.push((topic.as_str().into(), at));
                } else {
                    exact.entry(topic.as_str().into()).or_default().push(at);
                }
            }
            if config.fallback {
                fallback.push(at);
            }
        }
        Self { delivery, exact, globs, fallback }
    }

    fn route(&self, topic: &str) -> Route {
        let exact = self.exact.get(topic).into_iter().flatten().copied();
        let globs = self.globs.iter().filter(|(glob, _)| topic::matches(glob, topic)).map(|(_, at)| *at);
        let mut takers: Vec<usize> = exact.chain(globs).collect();
        takers.sort_unstable();
        takers.dedup();
        self.split(takers)
    }

    fn fallback(&self) -> Route {
        self.split(self.fallback.clone())
    }

    fn split(&self, takers: Vec<usize>) -> Route {
        let (all, one) = takers.into_iter().partition(|at| self.delivery[*at] == Delivery::All);
        Route { all, one }
    }
}

/// Whether all bridges that are switched on in `configs` can be had. Nothing is connected.
///
/// # Errors
/// This program lacks a back end, or one does not take its configuration.
pub fn check(configs: &[config::Bridge]) -> Result<(), OpenError> {
    connectors(configs, Client::Check).map(drop)
}

type Configured<'a> = (&'a config::Bridge, Arc<dyn Connector>);

fn connectors<'a>(configs: &'a [config::Bridge], client: Client<'_>) -> Result<Vec<Configured<'a>>, OpenError> {
    let enabled = configs.iter().filter(|config| config.enable);
    enabled.map(|config| Ok((config, connector(config, client)?))).collect()
}

/// The task of a bridge, for the caller to run. It ends after [`Bridges::close`].
pub type Task = BoxFuture<'static, ()>;

/// All bridges of a gateway. `A` is what a publisher is owed.
pub struct Bridges<A> {
    handles: Vec<BridgeHandle<A>>,
    topics: Topics,
    ids: MessageIds,
}

impl<A: Answer> Bridges<A> {
    /// The bridges that are switched on in `configs`, and their tasks. Nothing is connected until those run. `node` as in
    /// [`Client::Gateway`].
    ///
    /// # Errors
    /// This program lacks a back end, or one does not take its configuration.
    pub fn prepare(configs: &[config::Bridge], node: &str) -> Result<(Self, Vec<Task>), OpenError> {
        Ok(Self::over(connectors(configs, Client::Gateway(node))?))
    }

    /// Bridges over connectors of the caller's.
    #[must_use]
    pub fn over(bridges: Vec<Configured<'_>>) -> (Self, Vec<Task>) {
        let topics = Topics::new(bridges.iter().map(|(config, _)| *config));
        let (mut handles, mut tasks) = (Vec::new(), Vec::new());
        for (config, connector) in bridges {
            let (handle, task) = supervise(config, connector);
            handles.push(handle);
            tasks.push(task.boxed());
        }
        (Self { handles, topics, ids: MessageIds::new() }, tasks)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    /// All of them, in the order of the configuration.
    #[must_use]
    pub fn handles(&self) -> &[BridgeHandle<A>] {
        &self.handles
    }

    /// Those that take `topic` by their filters.
    #[must_use]
    pub fn route(&self, topic: &str) -> Route {
        self.topics.route(topic)
    }

    /// Those that take what no service and no other bridge takes.
    #[must_use]
    pub fn fallback(&self) -> Route {
        self.topics.fallback()
    }

    /// A message that is accepted now, under an id of its own.
    #[must_use]
    pub fn message(&self, edge: EdgeId, topic: &str, payload: Bytes, custom: Bytes) -> Arc<Message> {
        Arc::new(Message::new(self.ids.next(), SystemTime::now(), edge, topic, payload, custom))
    }

    /// As [`BridgeHandle::close`], for all.
    pub fn close(&self, by: Instant) {
        self.handles.iter().for_each(|handle| handle.close(by));
    }
}

impl<A> fmt::Debug for Bridges<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridges").field("handles", &self.handles).finish_non_exhaustive()
    }
}

/// What a bridge does with a message, and why: for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The bridge's name.
    pub bridge: String,
    /// The kind of its broker.
    pub kind: &'static str,
    /// What it does.
    pub verdict: Verdict,
}

/// What a bridge does with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the message.
    Takes {
        /// The filter that matches, or `fallback`.
        why: String,
        /// Who gets the message beside it.
        delivery: Delivery,
        /// Where it goes.
        destination: String,
        /// Its key.
        key: String,
    },
    /// It takes the topic, but refuses this message.
    Refuses {
        /// The filter that matches, or `fallback`.
        why: String,
        /// Why.
        error: template::Unfilled,
    },
    /// It takes the topic, but its broker has no place of that name for messages.
    Forbidden {
        /// The filter that matches, or `fallback`.
        why: String,
        /// Where it would go.
        destination: String,
        /// What is wrong with that.
        error: PublishError,
    },
    /// It takes the message unless something else takes its topic.
    OnlyFallback {
        /// A bridge that does.
        taken_by: String,
    },
    /// None of its filters match.
    Passes,
    /// It is switched off.
    Off,
}

/// What the bridges of `configs` would do with a message of `edge` on `topic`, were no service to take it.
#[must_use]
pub fn explain(configs: &[config::Bridge], topic: &str, edge: EdgeId, meta: &str) -> Vec<Explained> {
    let matching = |config: &config::Bridge| {
        let fits =
            |filter: &&String| if filter.contains('*') { topic::matches(filter, topic) } else { **filter == topic };
        config.topics.iter().find(fits).cloned()
    };
    let taken_by = configs.iter().find(|config| config.enable && matching(config).is_some());
    let (id, empty) = (MessageIds::new().next(), Bytes::new());
    let message = Message::new(id, SystemTime::now(), edge, topic, empty.clone(), empty);
    let meta = EdgeMeta::new(meta.as_bytes());
    let takes = |config: &config::Bridge, why: String| {
        let filled = |of, confined| template::fill(of, &message, &meta, confined).map(|text| text.to_string());
        let (destination, key) = match (filled(&config.destination, true), filled(&config.key, false)) {
            (Ok(destination), Ok(key)) => (destination, key),
            (Err(error), _) | (_, Err(error)) => return Verdict::Refuses { why, error },
        };
        match check_destination(config, &destination) {
            Ok(()) => Verdict::Takes { why, delivery: config.delivery, destination, key },
            Err(error) => Verdict::Forbidden { why, destination, error },
        }
    };
    let verdict = |config: &config::Bridge| match matching(config) {
        _ if !config.enable => Verdict::Off,
        Some(filter) => takes(config, format!("topic filter {filter:?}")),
        None if !config.fallback => Verdict::Passes,
        None => match taken_by {
            Some(taker) => Verdict::OnlyFallback { taken_by: taker.name.clone() },
            None => takes(config, "fallback: no bridge takes this topic by a filter".to_owned()),
        },
    };
    let explained = |config: &config::Bridge| Explained {
        bridge: config.name.clone(),
        kind: config.kind(),
        verdict: verdict(config),
    };
    configs.iter().map(explained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(name: &str, topics: &[&str], fallback: bool, delivery: Delivery) -> config::Bridge {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        config::Bridge { name: name.to_owned(), topics, fallback, delivery, ..config::Bridge::default() }
    }

    #[test]
    fn a_topic_goes_to_every_bridge_that_takes_it_and_once_to_each() {
        let configs = [
            bridge("exact", &["a/b", "c"], false, Delivery::All),
            bridge("glob", &["a/*", "a/b*", "*b"], false, Delivery::All),
            bridge("one", &["a/b"], false, Delivery::One),
            bridge("every", &["*"], false, Delivery::All),
            bridge("rest", &[], true, Delivery::One),
        ];
        let topics = Topics::new(configs.iter());
        assert_eq!(topics.route("a/b"), Route { all: vec![0, 1, 3], one: vec![2] });
        assert_eq!(topics.route("a/x"), Route { all: vec![1, 3], one: vec![] });
        assert_eq!(topics.route("C"), Route { all: vec![3], one: vec![] });
        assert_eq!(topics.fallback(), Route { all: vec![], one: vec![4] });
    }

    #[test]
    fn what_happens_to_a_message_is_explained() {
        let mut off = bridge("off", &["*"], false, Delivery::All);
        off.enable = false;
        let mut site = bridge("site", &["a/*"], false, Delivery::One);
        site.destination = "${meta.site}".parse().unwrap();
        let configs = [off, site, bridge("rest", &["b"], true, Delivery::All)];
        let verdicts = |topic, meta| -> Vec<Verdict> {
            explain(&configs, topic, EdgeId(7), meta).into_iter().map(|explained| explained.verdict).collect()
        };
        let found = verdicts("a/x", r#"{"site":"north"}"#);
        assert_eq!(found[0], Verdict::Off);
        let taken = Verdict::Takes {
            why: r#"topic filter "a/*""#.to_owned(),
            delivery: Delivery::One,
            destination: "north".to_owned(),
            key: "7".to_owned(),
        };
        assert_eq!(found[1], taken);
        assert_eq!(found[2], Verdict::OnlyFallback { taken_by: "site".to_owned() });
        assert!(matches!(&verdicts("a/x", "")[1], Verdict::Refuses { .. }));
        let found = verdicts("z", "");
        assert_eq!(found[1], Verdict::Passes);
        assert!(
            matches!(&found[2], Verdict::Takes { why, destination, .. } if why.starts_with("fallback") && destination == "z")
        );
    }

    /// A bridge of the kind that `set` makes of it takes `good`, and not `bad` for a reason that begins with `told`.
    #[cfg(any(feature = "kafka", feature = "amqp", feature = "nats", feature = "mqtt", feature = "redis"))]
    #[track_caller]
    fn forbids(set: impl FnOnce(&mut config::Bridge), good: &str, bad: &str, told: &str) {
        let mut config = bridge("b", &["*"], false, Delivery::All);
        set(&mut config);
        let configs = [config];
        let verdict = |topic: &str| explain(&configs, topic, EdgeId(7), "").remove(0).verdict;
        assert!(matches!(verdict(good), Verdict::Takes { destination, .. } if destination == good), "{good}");
        let Verdict::Forbidden { why, destination, error } = verdict(bad) else {
            panic!("{bad:?} is taken by {}", configs[0].kind())
        };
        assert_eq!((&*why, &*destination), ("topic filter \"*\"", bad));
        assert!(error.to_string().starts_with(told), "{error}");
    }

    #[test]
    #[cfg(any(feature = "kafka", feature = "amqp", feature = "nats", feature = "mqtt", feature = "redis"))]
    fn what_the_broker_forbids_is_told() {
        #[cfg(feature = "kafka")]
        forbids(|config| config.kafka = Some(Default::default()), "a.b", "a/b", r#""a/b" is no name of a topic"#);
        #[cfg(feature = "amqp")]
        forbids(
            |config| config.amqp = Some(Default::default()),
            &"x".repeat(255),
            &"x".repeat(256),
            "the routing key is of 256 bytes; AMQP takes 255",
        );
        #[cfg(feature = "nats")]
        {
            let own = |config: &mut config::Bridge| {
                let inbox_prefix = "answers".to_owned();
                config.nats = Some(config::NatsBridge { inbox_prefix, ..config::NatsBridge::default() });
            };
            forbids(own, "a.b", "$JS.API.x", r#"the subject "$JS.API.x" is reserved"#);
            forbids(own, "answer", "answers.x", r#"the subject "answers.x" is reserved"#);
        }
        #[cfg(feature = "mqtt")]
        forbids(|config| config.mqtt = Some(Default::default()), "a/b", "a/+", r#"topic "a/+" holds `+` or `#`"#);
        #[cfg(feature = "redis")]
        forbids(
            |config| {
                let form = config::RedisForm::PubSub;
                config.redis = Some(config::RedisBridge { form, ..config::RedisBridge::default() });
            },
            "_a",
            "__sentinel__:hello",
            r#"the channel "__sentinel__:hello" begins with "__""#,
        );
    }
}
