//! Against the built gateway: the clients are played, what the gateway says is compared.

use frontier_integration_tests::process::Signal;
use frontier_integration_tests::raw::{Client, kind};
use frontier_integration_tests::replay::{Entry, Line, Links, Player, Recording, Way};
use frontier_integration_tests::{Control, Gateway, PATIENCE, Settings, eventually};

use crate::exceptions::GATEWAY;
use crate::run::side_by_side;

/// A gateway of the conversation's own.
struct Dialled {
    gateway: Gateway,
    /// The line before which an edge is kicked, where no note says so.
    kick_before: Option<usize>,
    /// Whom the conversation has kicked.
    kicked: String,
}

impl Dialled {
    fn new(recording: &Recording) -> Self {
        let no_local_ids = "edgeid_alloc_when_no_idservice_on: false";
        if let Some(config) = &recording.config {
            assert_eq!(config, no_local_ids, "{}", recording.case);
        }
        let settings = Settings { local_edge_ids: recording.config.is_none(), ..Settings::default() };
        let first_end = |line: &&Line| matches!(&line.entry, Entry::Frame(frame) if frame.kind == kind::DISMISS);
        let end = recording.lines.iter().find(first_end).map(|line| line.number);
        let kick_before = end.filter(|_| recording.case.ends_with("/13-kick"));
        Self { gateway: settings.with_control().start(), kick_before, kicked: String::new() }
    }

    /// Kicks the only edge, or the only service.
    fn kick(&mut self, list: &str) {
        let control = Control::of(&self.gateway);
        // Where no note says when, it may not be online yet.
        let id = eventually("somebody is there to be kicked", || match control.walk(&format!("/v1/{list}")).0[..] {
            [id] => Some(id),
            _ => None,
        });
        self.kicked = format!("/v1/{list}/{id}");
        let answer = control.ask("DELETE", &self.kicked, &[]);
        assert_eq!((answer.status, &*answer.body), (200, "{}"));
    }

    /// What was asked of the control plane, and how it answered then.
    fn recorded_answer(&self, asked: &str) {
        let control = Control::of(&self.gateway);
        if asked.starts_with("REST DELETE answered 500") {
            let answer = control.ask("DELETE", &self.kicked, &[]);
            assert_eq!((answer.status, &answer.json()["message"]), (404, &"edge not online".into()));
        } else if let Some(list) =
            asked.strip_prefix("REST GET answered 200 {\"").and_then(|text| text.split('"').next())
            && ["edges", "services"].contains(&list)
        {
            let rows = asked.matches("_id\"").count();
            assert_eq!(control.walk(&format!("/v1/{list}")).0.len(), rows, "{asked}");
        }
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
        if self.kick_before == Some(line.number) {
            self.kick("edges");
        }
        match &line.entry {
            Entry::Note(text) if ["REST DELETE of the edge", "gRPC KickEdge"].contains(&text.as_str()) => {
                self.kick("edges");
            }
            Entry::Note(text) if text == "REST DELETE of the service" => self.kick("services"),
            Entry::Note(text) if text.starts_with("REST ") => self.recorded_answer(text),
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
    side_by_side(Recording::all(), |recording| {
        let side = Dialled::new(recording);
        let log = side.gateway.log.clone();
        let failures = Player::new(recording, Way::ToGateway, side, GATEWAY).play();
        if !failures.is_empty() {
            eprintln!("log of the gateway of {}:\n{}", recording.case, log.lines().join("\n"));
        }
        failures
    });
}
