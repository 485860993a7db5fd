//! `frontier-bench`: what a gateway costs, measured from outside beside a plain TCP relay.

mod args;
#[cfg(feature = "brokers")]
mod bare;
mod bars;
mod bridges;
mod callers;
mod certificate;
mod child;
mod control;
mod document;
mod edges;
mod flow;
mod frame;
mod latencies;
mod lean;
mod load;
mod measure;
mod pace;
mod peer;
mod ping_pong;
mod progress;
mod relay;
mod report;
mod scenario;
mod server;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::runtime;

use args::{Cli, Command};
use report::Report;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let command = Cli::parse().command;
    let mut runtime = match command.is_on_one_thread() {
        true => runtime::Builder::new_current_thread(),
        false => runtime::Builder::new_multi_thread(),
    };
    runtime.enable_all().build().context("no runtime can be had")?.block_on(run(command))
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Call(load) => show(&scenario::call::run(&load).await?, load.run.json.as_deref()),
        Command::Publish(load) => show(&scenario::publish::run(&load).await?, load.run.json.as_deref()),
        Command::Stream(stream) => show(&scenario::stream::run(&stream).await?, stream.run.json.as_deref()),
        Command::Connect(connect) => show(&scenario::connect::run(&connect).await?, connect.run.json.as_deref()),
        Command::Idle(idle) => show(&scenario::idle::run(&idle).await?, idle.json.as_deref()),
        Command::Control(control) => show(&scenario::control::run(&control).await?, control.run.json.as_deref()),
        #[cfg(feature = "brokers")]
        Command::Bridge(bridge) => show(&scenario::bridge::run(&bridge).await?, bridge.run.json.as_deref()),
        #[cfg(feature = "brokers")]
        Command::BridgeConfig(at) => scenario::bridge::config(&at).await,
        Command::Document(document) => document::write(&document),
        Command::Certificate(args) => certificate::write(&args),
        Command::Peer(peer) => peer::run(peer).await,
    }
}

fn show(report: &Report, json: Option<&Path>) -> Result<()> {
    print!("{report}");
    json.map_or(Ok(()), |file| report.save(file))
}
