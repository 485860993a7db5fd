//! The built gateway as a process, driven by scripted peers, by the SDK and by the programs beside it.
//!
//! One binary, so that its tests run side by side: most of them wait, for time-outs that no configuration shortens.

mod all_come_back;
mod bridge_choice;
mod bridge_file;
mod bypass;
mod calls;
mod clones;
mod close;
mod config;
mod connect;
mod control;
mod control_churn;
mod deadlines;
mod examples;
mod frontierctl;
mod frontierctl_control;
mod limits;
mod malformed;
mod many_edges;
mod messages;
mod metrics_told;
mod newcomers;
mod presence;
mod recipes;
mod records;
mod records_broken;
mod reload;
mod routing;
mod shutdown;
mod stream_reasons;
mod streams;
mod takeover;
mod tcp_forward;
mod tls;
mod topics;
mod websocket;
