//! The recorded conversations of real Go clients with the real Go gateway, played against ours.

mod exceptions;
mod gateway;
mod run;
mod sdk;
