//! The way of browsers: a WebSocket on a port of its own, which is an edge's link like any other from then on.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use net::Causes;
use net::websocket::{CloseCode, Denied, NotAccepted, Options, Request, Role, Violation, WebSocket, accept};
use proto::conn::CloseReason;
use proto::wire::WireError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tracing::debug;
use transport::LinkEnd;

use super::accept::Entrance;
use super::{LinkSide, Loaded, Pass, WayIn, forwarded};
use crate::exchange::{Exchange, now};
use crate::lifecycle::Lifecycle;
use crate::metrics::UpgradeResult;
use crate::presence::Transport;

/// What a browser shows that is pointed at the port.
const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Frontier</title>\n\
    <h1>Frontier</h1>\n<p>This is the WebSocket port of a Frontier gateway. Edges connect to it, pages with \
    <code>@frontier/edge</code> for example; there is nothing to look at.</p>\n</html>\n";

/// What lies between the WebSocket port and its links.
#[derive(Debug)]
pub(crate) struct WebSocketWay {
    way: WayIn,
    /// What a browser that comes now finds.
    terms: ArcSwap<config::WebSocket>,
    exchange: Arc<Exchange>,
}

impl WebSocketWay {
    /// Through `way`, on the terms of `config`.
    pub(crate) fn new(way: WayIn, config: &config::WebSocket, exchange: &Arc<Exchange>) -> Self {
        Self { way, terms: ArcSwap::from_pointee(config.clone()), exchange: Arc::clone(exchange) }
    }

    /// From now on connections come in by what was loaded, on these terms. Those that are in stay as they are.
    pub(crate) fn install(&self, loaded: Loaded, config: &config::WebSocket) {
        self.way.install(loaded);
        self.terms.store(Arc::new(config.clone()));
    }

    async fn open<L: LinkSide>(
        self: Arc<Self>,
        tcp: TcpStream,
        pass: Pass,
        since: Instant,
        side: Arc<L>,
        links: Lifecycle,
    ) {
        let opening = async {
            match &self.way.tls {
                None => {
                    let pass = pass.over(Transport::WebSocket);
                    self.upgrade(tcp, pass, since, side, &links).await;
                }
                Some(acceptor) => {
                    if let Some(stream) = self.way.encrypt(acceptor, tcp, pass.peer(), since).await {
                        let pass = pass.over(Transport::WebSocketTls);
                        Box::pin(self.upgrade(stream, pass, since, side, &links)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = opening => {}
            () = links.stopping() => {}
        }
    }

    /// Answers the request of whoever is there. What asks for a link, and may have one, is one from then on.
    async fn upgrade<L, S>(&self, mut io: S, mut pass: Pass, since: Instant, side: Arc<L>, links: &Lifecycle)
    where
        L: LinkSide,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let terms = self.terms.load_full();
        let peer = pass.peer();
        let judge = |request: &Request<'_>| self.judge(&terms, request, &mut pass);
        let accepted = accept(&mut io, self.way.handshake_ends(since), PAGE, judge).await;
        let metrics = &self.exchange.metrics.websocket;
        match accepted {
            Ok(accepted) => {
                metrics.upgraded(UpgradeResult::Done);
                let ping = Some(terms.ping).filter(|ping| !ping.is_zero());
                let options = Options { max_message: terms.max_message_bytes.get(), ping };
                let stream = WebSocket::new(io, Role::Server, options, accepted.early);
                let exchange = Arc::clone(&self.exchange);
                links.spawn(side.serve(stream, pass, since, move |stream, end| part(exchange, stream, end)));
            }
            Err(error) => {
                metrics.upgraded(match &error {
                    NotAccepted::Denied(Denied::Page) => UpgradeResult::Page,
                    NotAccepted::Denied(Denied::Refused { status: 403, .. }) => UpgradeResult::ForbiddenOrigin,
                    NotAccepted::Denied(_) => UpgradeResult::Refused,
                    NotAccepted::TimedOut => UpgradeResult::TimedOut,
                    _ => UpgradeResult::Lost,
                });
                debug!(%peer, error = %Causes(&error), "no WebSocket");
            }
        }
    }

    /// Decides whether a well-formed request gets its link, and notes in `pass` where it comes from.
    fn judge(&self, terms: &config::WebSocket, request: &Request<'_>, pass: &mut Pass) -> Result<(), Denied> {
        let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
        if !same(request.path(), &terms.path) {
            return Err(Denied::refused(
                404,
                "edges connect under another path: edgebound.websocket.path of the gateway",
            ));
        }
        if request.origin().is_some_and(|origin| !terms.allows(origin)) {
            let why =
                "pages of this origin may not connect: it is not in edgebound.websocket.allowed_origins of the gateway";
            return Err(Denied::refused(403, why));
        }
        let proxy = pass.peer();
        if terms.trusts(proxy.ip()) {
            let client = forwarded::client(proxy, request.all("X-Forwarded-For"), |address| terms.trusts(address));
            if let Err(refusal) = pass.comes_from(client) {
                self.way.metrics.way_in.refused(refusal.limit);
                return Err(Denied::refused(429, "there are as many edges of this address as may be"));
            }
        }
        if self.exchange.is_draining() {
            return Err(Denied::refused(503, "the gateway stops"));
        }
        Ok(())
    }
}

impl<L: LinkSide> Entrance<L> for WebSocketWay {
    fn way(&self) -> &WayIn {
        &self.way
    }

    fn is_peer(&self, address: IpAddr) -> bool {
        !self.terms.load().trusts(address)
    }

    fn begin(self: &Arc<Self>, tcp: TcpStream, pass: Pass, side: &Arc<L>, links: &Lifecycle) {
        links.spawn(Arc::clone(self).open(tcp, pass, now(), Arc::clone(side), links.clone()));
    }
}

/// Takes leave of a browser whose link is over, with the code that says why.
async fn part<S>(exchange: Arc<Exchange>, stream: WebSocket<S>, end: LinkEnd)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let goodbye = goodbye(&end, exchange.is_draining());
    let code = goodbye.map_or(CloseCode::Abnormal, |(code, _)| code);
    exchange.metrics.websocket.closed(code);
    if let Some((code, reason)) = goodbye {
        // Boxed: what only the end needs is no part of a link that lives.
        Box::pin(stream.leave(code, reason)).await;
    }
}

/// What a peer is told about the end of its link; nothing where it takes no bytes any more.
fn goodbye(end: &LinkEnd, draining: bool) -> Option<(CloseCode, &'static str)> {
    Some(match end {
        LinkEnd::Closed(CloseReason::WeLeft | CloseReason::Refused) if draining => {
            (CloseCode::Away, "the gateway stops")
        }
        LinkEnd::Closed(CloseReason::PeerLeft | CloseReason::WeLeft | CloseReason::Refused) | LinkEnd::PeerClosed => {
            (CloseCode::Normal, "")
        }
        LinkEnd::Closed(CloseReason::HandshakeTimeout) => (CloseCode::Policy, "no handshake in time"),
        LinkEnd::Closed(CloseReason::Idle) => (CloseCode::Policy, "no heartbeat"),
        LinkEnd::Closed(CloseReason::AnswersUnread) => (CloseCode::Policy, "answers are not read"),
        LinkEnd::Closed(CloseReason::Malformed(WireError::TooLong { .. })) => (CloseCode::Size, "packet too large"),
        LinkEnd::Closed(_) => (CloseCode::Protocol, "not by the protocol frontier.v1"),
        LinkEnd::Broken(error) => {
            // The stream has told the peer already.
            let violation = error.get_ref().and_then(|inner| inner.downcast_ref::<Violation>())?;
            (violation.code(), "")
        }
        _ => return None,
    })
}
