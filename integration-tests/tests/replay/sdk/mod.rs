//! Against our SDK: the gateway is played; what the SDK sends, and what its application learns, is compared.

mod application;
mod client;
mod driver;
mod script;

use std::collections::BTreeMap;

use frontier_integration_tests::raw;
use frontier_integration_tests::replay::{Line, Links, Player, Recording, Way};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use self::driver::Driver;
use self::script::client_of;
use crate::exceptions::{SDK, played_to_sdk};
use crate::run::side_by_side;

/// The SDK's clients of one conversation.
struct Clients<'r> {
    recording: &'r Recording,
    drivers: BTreeMap<String, Driver>,
    reached: watch::Sender<usize>,
    runtime: Runtime,
}

impl<'r> Clients<'r> {
    fn new(recording: &'r Recording) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        Self { recording, drivers: BTreeMap::new(), reached: watch::Sender::new(0), runtime }
    }

    fn driver(&mut self, link: &str) -> &mut Driver {
        let name = client_of(link);
        if !self.drivers.contains_key(name) {
            let runtime = self.runtime.handle().clone();
            let driver = Driver::new(self.recording, name, self.reached.subscribe(), runtime);
            self.drivers.insert(name.to_owned(), driver);
        }
        self.drivers.get_mut(name).expect("it was made just now")
    }
}

impl Links for Clients<'_> {
    fn open(&mut self, link: &str) -> raw::Client {
        self.driver(link).accept()
    }

    fn reach(&mut self, line: &Line) {
        self.reached.send_replace(line.number);
        if line.way == Way::ToGateway && line.link != "-" {
            self.driver(&line.link).act(line);
        }
    }

    fn finish(&mut self) -> Vec<String> {
        self.drivers.values().flat_map(Driver::finish).collect()
    }
}

#[test]
fn the_sdk_does_as_recorded() {
    let recordings = Recording::all().into_iter().filter_map(played_to_sdk);
    side_by_side(recordings.collect(), |recording| {
        Player::new(recording, Way::ToClient, Clients::new(recording), SDK).play()
    });
}
