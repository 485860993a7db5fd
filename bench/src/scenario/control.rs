//! The control plane while the records are full, and what it does to calls.

use std::ffi::OsString;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::time::sleep_until;

use crate::args::{Control, Direction, Over};
use crate::child::Process;
use crate::control::{
    Aside, Asker, Beside, BesideWhat, ControlReport, Question, QuestionReport, Residents, Told, Way, ask_for_pages,
    questions, visit,
};
use crate::frame::Kind;
use crate::latencies::Latencies;
use crate::lean::{self, Callers, Requests};
use crate::load::{Round, round, warm_up};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::report::{Figures, Report};
use crate::server::Server;

pub(crate) async fn run(args: &Control) -> Result<Report> {
    let over = args.gateway.over();
    ensure!(over == Over::Tcp, "edges of this scenario run over TCP, not over {}", over.name());
    let server = args.gateway.pid.map(Server);
    let begin = Instant::now();
    let residents = {
        let _progress = Progress::new(&format!("connecting {} edges", args.residents));
        Residents::connect(&args.gateway.edge_addr, args.residents, args.methods).await?
    };
    let mut asker = Asker::connect(&args.control_addr).await?;
    {
        let _progress = Progress::new("waiting for the records");
        asker.caught_up().await?;
    }
    let filled_seconds = begin.elapsed().as_secs_f64();
    let questions = questions(&residents);
    let (told, pages) = alone(args, &questions, &mut asker).await?;
    let calls = beside_calls(args, &questions, server).await?;
    Ok(Report::Control(Box::new(ControlReport {
        records: args.records,
        residents: residents.count(),
        methods: args.methods,
        rows: residents.rows(),
        filled_seconds,
        questions: told,
        pages,
        edges: args.edges.get(),
        size: args.size,
        calls,
        memory: server.map(Server::memory).transpose()?,
    })))
}

/// Every question while nothing else goes on; and all that are for a page together.
///
/// Round by round, so that whatever else the machine does falls on all alike. One waits until the one before it is answered,
/// and its time counts from when it is sent: a slow one is not told as another's slowness.
async fn alone(args: &Control, questions: &[Question], asker: &mut Asker) -> Result<(Vec<QuestionReport>, Told)> {
    let progress = Progress::new("asking");
    let done = progress.counter();
    let mut times = vec![Way::ALL.map(|_| Latencies::default()); questions.len()];
    for question in questions {
        for way in Way::ALL {
            asker.ask(question, way).await.context("before anything was measured")?;
        }
    }
    let pace = Pace::new(Instant::now(), args.asks_per_second.get().into());
    let mut number = 0;
    for _ in 0..args.asks.get() {
        for (question, times) in questions.iter().zip(&mut times) {
            for (way, times) in Way::ALL.into_iter().zip(times) {
                sleep_until(pace.due(number).into()).await;
                times.record(asker.ask(question, way).await?);
                number += 1;
                done.store(number, Ordering::Relaxed);
            }
        }
    }
    let mut pages = Latencies::default();
    let mut told = Vec::new();
    for (question, [grpc, rest]) in questions.iter().zip(&times) {
        if question.is_page() {
            pages.add(grpc);
            pages.add(rest);
        }
        let of = |times| Told::of(times).context("nothing was asked");
        let is_page = question.is_page();
        told.push(QuestionReport { name: question.name.to_owned(), is_page, grpc: of(grpc)?, rest: of(rest)? });
    }
    Ok((told, Told::of(&pages).context("no page was asked for")?))
}

/// Calls of edges to a service, beside each of [`BesideWhat`] in turn.
async fn beside_calls(args: &Control, questions: &[Question], server: Option<Server>) -> Result<Vec<Beside>> {
    let gateway = &args.gateway;
    let requests = Requests::new(Kind::Call, Direction::EdgeToService, args.size)?;
    let service = ["lean-service", "--addr", &gateway.service_addr].map(OsString::from);
    // Dropped at the end: callers leave before those who answer them.
    let _answering = Process::start(service.to_vec()).await?;
    let links = lean::edges(&gateway.edge_addr, args.edges.get()).await?;
    let mut callers = Callers::new(links, &requests, 1, &[], server);
    warm_up(&args.run, &mut callers, "warm-up").await?;
    let mut found = BesideWhat::ALL.map(|_| Found::default());
    for number in 1..=args.run.rounds.get() {
        for (what, found) in BesideWhat::ALL.into_iter().zip(&mut found) {
            let name = format!("round {number} of {}: {}", args.run.rounds, what.name());
            found.round(args, what, questions, &mut callers, &name).await?;
        }
    }
    callers.leave().await;
    let alone = found[0].figures();
    let told = |(what, found): (BesideWhat, &Found)| {
        let calls = Figures::of(&found.rounds);
        Beside::of(what, calls, found.figures(), &alone, &found.pages, &found.visits)
    };
    BesideWhat::ALL.into_iter().zip(&found).map(told).collect()
}

/// What all rounds of one kind gave.
#[derive(Default)]
struct Found {
    rounds: Vec<Round<Latencies>>,
    pages: Latencies,
    visits: Latencies,
}

impl Found {
    async fn round(
        &mut self,
        args: &Control,
        what: BesideWhat,
        questions: &[Question],
        callers: &mut Callers,
        name: &str,
    ) -> Result<()> {
        let pages = what.has_pages().then(|| {
            let (addr, questions) = (args.control_addr.clone(), questions.to_vec());
            Aside::start(args.pages_per_second.get(), move |turns| ask_for_pages(turns, addr, questions))
        });
        let visits = what.has_visits().then(|| {
            let addr = args.gateway.edge_addr.clone();
            Aside::start(args.visits_per_second.get(), move |turns| visit(turns, addr))
        });
        let (pages, visits) = (pages.transpose()?, visits.transpose()?);
        self.rounds.push(round(&args.run, callers, name).await?);
        if let Some(pages) = pages {
            self.pages.add(&pages.end().await?);
        }
        if let Some(visits) = visits {
            self.visits.add(&visits.end().await?);
        }
        Ok(())
    }

    fn figures(&self) -> Vec<Figures> {
        self.rounds.iter().map(|round| Figures::of([round])).collect()
    }
}
