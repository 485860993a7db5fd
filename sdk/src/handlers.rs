//! The methods that an application offers, and what runs when one is called.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use proto::body::Base64;

use crate::request::Request;

/// A result, or the text of an error.
pub(crate) type Outcome = Result<Bytes, String>;

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What runs when a method is called.
pub(crate) enum Work {
    /// In a task of its own.
    Task(Box<dyn Fn(Request) -> Running + Send + Sync>),
    /// At once, in the link's task.
    Now(Box<dyn Fn(Request) -> Outcome + Send + Sync>),
}

/// A method and what runs when it is called.
pub(crate) struct Handler {
    /// The method's name as it stands in responses.
    pub(crate) key: Base64<'static>,
    pub(crate) work: Work,
}

impl Work {
    pub(crate) fn task<F, Fut, B, E>(handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        Work::Task(Box::new(move |request| {
            let running = handler(request);
            Box::pin(async move { outcome(running.await) })
        }))
    }

    pub(crate) fn now<F, B, E>(handler: F) -> Self
    where
        F: Fn(Request) -> Result<B, E> + Send + Sync + 'static,
        B: Into<Bytes>,
        E: fmt::Display,
    {
        Work::Now(Box::new(move |request| outcome(handler(request))))
    }
}

fn outcome<B: Into<Bytes>, E: fmt::Display>(result: Result<B, E>) -> Outcome {
    result.map(Into::into).map_err(|error| error.to_string())
}

/// Handlers by method name. Owns no memory while it is empty.
#[derive(Default)]
pub(crate) struct Handlers(RwLock<HashMap<Box<str>, Arc<Handler>>>);

impl Handlers {
    /// Adds a handler, or replaces the one that the method had.
    pub(crate) fn insert(&self, method: &str, work: Work) {
        let handler = Arc::new(Handler { key: Base64::encode(method.as_bytes()), work });
        let mut methods = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = methods.insert(method.into(), handler);
        drop(methods);
        drop(replaced);
    }

    pub(crate) fn find(&self, method: &str) -> Option<Arc<Handler>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(method).cloned()
    }

    pub(crate) fn contains(&self, method: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(method)
    }

    /// The names of all methods.
    pub(crate) fn methods(&self) -> Vec<Box<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Forgets all handlers, and with them what they hold on to.
    pub(crate) fn clear(&self) {
        let methods = std::mem::take(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner));
        // Outside the lock: a handler may hold the last clone of an edge.
        drop(methods);
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.methods()).finish()
    }
}
