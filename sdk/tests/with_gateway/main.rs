//! The SDK against a small scripted gateway in the process, with paused time: every wait is for an event, and timeouts
//! pass at once when nothing else can happen.

mod calls;
mod gateway;
mod handlers;
mod hooks;
mod messages;
mod reconnect;
mod streams;
