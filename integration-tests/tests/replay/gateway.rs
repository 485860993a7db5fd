//! Against the built gateway: the clients are played, what the gateway says is compared.

use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::Client;
use frontier_integration_tests::replay::{Entry, Line, Links, Player, Recording, Way};
use frontier_integration_tests::{Gateway, PATIENCE, Settings, eventually};

use crate::exceptions::{GATEWAY, waits_for};
use crate::run::side_by_side;

/// A gateway of the conversation's own.
struct Dialled {
    gateway: Gateway,
}

impl Dialled {
    fn new(recording: &Recording) -> Self {
        let no_local_ids = "edgeid_alloc_when_no_idservice_on: false";
        if let Some(config) = &recording.config {
            assert_eq!(config, no_local_ids, "{}", recording.case);
        }
        Self { gateway: Settings { local_edge_ids: recording.config.is_none(), ..Settings::default() }.start() }
    }
}

impl Links for Dialled {
    fn open(&mut self, link: &str) -> Client {
        Client::dial(if link.starts_with("service") { self.gateway.service } else { self.gateway.edge })
    }

    fn lost(&mut self, link: &str, lose: &mut dyn FnMut()) {
        let side = if link.starts_with("service") { "side=\"service\"" } else { "side=\"edge\"" };
        let online = self.gateway.metric("frontier_links", &[side]);
        lose();
        eventually("a lost link is gone", || (self.gateway.metric("frontier_links", &[side]) < online).then_some(()));
    }

    fn reach(&mut self, line: &Line) {
        match &line.entry {
            Entry::Note(text) if text == "gateway: stop (SIGTERM)" => self.gateway.signal(Signal::Term),
            Entry::Note(text) if text == "gateway: start" => {
                self.gateway.exit(PATIENCE);
                self.gateway = self.gateway.settings_here().start();
            }
            _ => {}
        }
    }
}

#[test]
fn the_gateway_answers_as_recorded() {
    let recordings = Recording::all().into_iter().filter(|recording| waits_for(&recording.case).is_none());
    side_by_side(recordings.collect(), |recording| {
        let side = Dialled::new(recording);
        let log = side.gateway.log.clone();
        let failures = Player::new(recording, Way::ToGateway, side, GATEWAY).play();
        if !failures.is_empty() {
            eprintln!("log of the gateway of {}:\n{}", recording.case, log.lines().join("\n"));
        }
        failures
    });
}
