//! `frontierctl top`: what goes on, over and over.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::Duration;

use api::controlplane::{
    Bridge, GetInfoRequest, GetServiceRequest, GetTotalsRequest, Info, ListBridgesRequest, ListServicesRequest,
    ServiceDetails, Side, Totals,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::Client;
use super::table::{bytes, cell, table};
use super::told::{bridge_fields, totals_json, uptime};
use crate::connect::seconds;
use crate::failure::Failure;
use crate::output::{Output, fields};
use crate::signal::asked_to_end;

/// Services that are shown.
const SERVICES: i64 = 15;

/// Back to the first line, and nothing left of what stood there.
const HOME: &str = "\x1b[H\x1b[2J";

/// How often.
#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// Time from one look to the next
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    interval: Duration,
    /// End after so many looks
    #[arg(long, value_name = "NUMBER")]
    rounds: Option<u64>,
}

/// What was seen at one moment.
#[derive(Debug)]
struct Look {
    at: Instant,
    info: Info,
    totals: Totals,
    bridges: Vec<Bridge>,
    services: Vec<ServiceDetails>,
    /// How many there are.
    service_count: i32,
}

/// Shows until it is interrupted, or for as many rounds as are wanted.
pub(super) async fn top(mut client: Client, args: &TopArgs, output: Output) -> Result<(), Failure> {
    let ending = asked_to_end()?;
    tokio::pin!(ending);
    let mut before: Option<Look> = None;
    let mut rounds = 0;
    loop {
        let look = tokio::select! {
            look = Look::take(&mut client) => look?,
            () = &mut ending => return Ok(()),
        };
        if output.is_json() {
            output.object(look.fields())?;
        } else {
            let home = if io::stdout().is_terminal() { HOME } else { "" };
            output.bytes(format!("{home}{}", look.text(before.as_ref())).as_bytes())?;
        }
        rounds += 1;
        if args.rounds.is_some_and(|most| rounds >= most) {
            return Ok(());
        }
        let next = look.at + args.interval;
        before = Some(look);
        tokio::select! {
            () = sleep_until(next) => {}
            () = &mut ending => return Ok(()),
        }
    }
}

impl Look {
    async fn take(client: &mut Client) -> Result<Self, Failure> {
        let info = client.get_info(GetInfoRequest {}).await?.into_inner();
        let totals = client.get_totals(GetTotalsRequest {}).await?.into_inner();
        let bridges = client.list_bridges(ListBridgesRequest {}).await?.into_inner().bridges;
        let request = ListServicesRequest { page: 1, page_size: SERVICES, ..ListServicesRequest::default() };
        let listed = client.list_services(request).await?.into_inner();
        let mut services = Vec::new();
        for service in listed.services {
            // One that has gone meanwhile is left out.
            let request = GetServiceRequest { service_id: service.service_id };
            services.extend(client.describe_service(request).await.ok().map(tonic::Response::into_inner));
        }
        let service_count = listed.count;
        Ok(Self { at: Instant::now(), info, totals, bridges, services, service_count })
    }

    fn fields(&self) -> crate::output::Fields {
        let services = self.services.iter().map(|details| {
            let service = details.service.clone().unwrap_or_default();
            let traffic = details.link.clone().unwrap_or_default().traffic.unwrap_or_default();
            json!({
                "service_id": service.service_id.to_string(),
                "service": service.service,
                "bytes_in": traffic.bytes_in.to_string(),
                "bytes_out": traffic.bytes_out.to_string(),
            })
        });
        fields([
            ("version", self.info.version.as_str().into()),
            ("uptime_ms", self.info.uptime_ms.to_string().into()),
            ("draining", self.info.draining.into()),
            ("totals", totals_json(&self.totals)),
            ("bridges", self.bridges.iter().map(|bridge| Value::Object(bridge_fields(bridge))).collect()),
            ("services", services.collect()),
        ])
    }

    /// For people, with what has happened since `before` by the second.
    fn text(&self, before: Option<&Self>) -> String {
        let seconds = before.map(|before| (self.at - before.at).as_secs_f64());
        let rate = |now: u64, then: Option<u64>| match (then, seconds) {
            (Some(then), Some(seconds)) if seconds > 0.0 => (now.saturating_sub(then) as f64 / seconds) as u64,
            _ => 0,
        };
        let mut text = format!("frontier {}, up {}", self.info.version, uptime(&self.info));
        text.push_str(if self.info.draining { ", draining\n\n" } else { "\n\n" });
        let side = |name: &str, side: Option<Side>, before: Option<Side>| {
            let side = side.unwrap_or_default();
            let by = |of: fn(&Side) -> u64| rate(of(&side), before.as_ref().map(of));
            [
                name.to_owned(),
                side.online.to_string(),
                by(|side| side.admitted).to_string(),
                by(|side| side.calls).to_string(),
                by(|side| side.messages).to_string(),
                bytes(by(|side| side.bytes_in)),
                bytes(by(|side| side.bytes_out)),
            ]
        };
        let sides = [
            side("edges", self.totals.edges, before.and_then(|before| before.totals.edges)),
            side("services", self.totals.services, before.and_then(|before| before.totals.services)),
        ];
        let head = ["", "ONLINE", "CAME/S", "CALLS/S", "MESSAGES/S", "IN/S", "OUT/S"];
        text.push_str(&table(head, &sides));
        if !self.bridges.is_empty() {
            text.push('\n');
            text.push_str(&self.bridges_text(before, &rate));
        }
        text.push('\n');
        text.push_str(&self.services_text(before, &rate));
        text
    }

    fn bridges_text(&self, before: Option<&Self>, rate: &impl Fn(u64, Option<u64>) -> u64) -> String {
        let row = |bridge: &Bridge| {
            let then = before.and_then(|before| before.bridges.iter().find(|other| other.name == bridge.name));
            [
                cell(&bridge.name),
                bridge.kind.clone(),
                bridge.state.clone(),
                rate(bridge.delivered, then.map(|then| then.delivered)).to_string(),
                (bridge.queued + bridge.in_flight).to_string(),
                (bridge.failed + bridge.dropped).to_string(),
                cell(&bridge.reason),
            ]
        };
        let rows: Vec<_> = self.bridges.iter().map(row).collect();
        table(["BRIDGE", "KIND", "STATE", "DELIVERED/S", "WAITING", "LOST", "WHY"], &rows)
    }

    fn services_text(&self, before: Option<&Self>, rate: &impl Fn(u64, Option<u64>) -> u64) -> String {
        let id = |details: &ServiceDetails| details.service.as_ref().map(|service| service.service_id);
        let traffic = |details: &ServiceDetails| {
            let link = details.link.as_ref();
            link.and_then(|link| link.traffic).unwrap_or_default()
        };
        let row = |details: &ServiceDetails| {
            let then = before.and_then(|before| before.services.iter().find(|other| id(other) == id(details)));
            let (now, then) = (traffic(details), then.map(traffic));
            let service = details.service.clone().unwrap_or_default();
            [
                service.service_id.to_string(),
                rate(now.calls_out, then.map(|then| then.calls_out)).to_string(),
                rate(now.calls_in, then.map(|then| then.calls_in)).to_string(),
                rate(now.messages_out, then.map(|then| then.messages_out)).to_string(),
                rate(now.messages_in, then.map(|then| then.messages_in)).to_string(),
                cell(&service.service),
            ]
        };
        let rows: Vec<_> = self.services.iter().map(row).collect();
        let mut text = table(["SERVICE", "CALLED/S", "CALLS/S", "GETS/S", "SENDS/S", "NAME"], &rows);
        let more = usize::try_from(self.service_count).unwrap_or(0).saturating_sub(rows.len());
        if more > 0 {
            // A string takes any text.
            let _ = writeln!(text, "and {more} more");
        }
        text
    }
}
