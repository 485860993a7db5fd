//! What happens on the WebSocket port.

use std::fmt::{self, Write};

use net::websocket::CloseCode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What became of a connection to the WebSocket port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum UpgradeResult {
    /// It is a WebSocket now.
    Done,
    /// Somebody looked what is there.
    Page,
    /// The page that asked is of an origin that is not allowed.
    ForbiddenOrigin,
    /// Asked for in a wrong way, or for what is not there.
    Refused,
    /// The peer went before its request was whole.
    Lost,
    /// The request was not whole in time.
    TimedOut,
}

const UPGRADES: [UpgradeResult; 6] = [
    UpgradeResult::Done,
    UpgradeResult::Page,
    UpgradeResult::ForbiddenOrigin,
    UpgradeResult::Refused,
    UpgradeResult::Lost,
    UpgradeResult::TimedOut,
];

label!(UpgradeResult {
    Done => "done",
    Page => "page",
    ForbiddenOrigin => "forbidden_origin",
    Refused => "refused",
    Lost => "lost",
    TimedOut => "timed_out",
});

/// How a WebSocket was closed, by the code that its peer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Close {
    Normal,
    Away,
    Protocol,
    Unsupported,
    Invalid,
    Policy,
    Size,
    /// The peer could not be told.
    Untold,
}

const CLOSES: [Close; 8] = [
    Close::Normal,
    Close::Away,
    Close::Protocol,
    Close::Unsupported,
    Close::Invalid,
    Close::Policy,
    Close::Size,
    Close::Untold,
];

label!(Close {
    Normal => "1000",
    Away => "1001",
    Protocol => "1002",
    Unsupported => "1003",
    Invalid => "1007",
    Policy => "1008",
    Size => "1009",
    Untold => "none",
});

impl From<CloseCode> for Close {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Normal => Close::Normal,
            CloseCode::Away => Close::Away,
            CloseCode::Protocol => Close::Protocol,
            CloseCode::Unsupported => Close::Unsupported,
            CloseCode::Invalid => Close::Invalid,
            CloseCode::Policy => Close::Policy,
            CloseCode::Size => Close::Size,
            _ => Close::Untold,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpgradeLabel {
    result: UpgradeResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabel {
    code: Close,
}

/// Counters of the WebSocket port.
#[derive(Debug)]
pub(crate) struct WebSocketMetrics {
    upgrades: [Counter; UPGRADES.len()],
    closes: [Counter; CLOSES.len()],
}

impl WebSocketMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let upgrades = Family::<UpgradeLabel, Counter>::default();
        let closes = Family::<CloseLabel, Counter>::default();
        registry.register("websocket_upgrades", "Connections to the WebSocket port, by result", upgrades.clone());
        registry.register("websocket_closes", "WebSockets closed, by the code told to the peer", closes.clone());
        Self {
            upgrades: UPGRADES.map(|result| upgrades.get_or_create(&UpgradeLabel { result }).clone()),
            closes: CLOSES.map(|code| closes.get_or_create(&CloseLabel { code }).clone()),
        }
    }

    pub(crate) fn upgraded(&self, result: UpgradeResult) {
        self.upgrades[result as usize].inc();
    }

    /// A WebSocket was closed, and its peer told so by `code`.
    pub(crate) fn closed(&self, code: CloseCode) {
        self.closes[Close::from(code) as usize].inc();
    }
}
