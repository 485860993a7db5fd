//! The methods that an application offers, and what runs when one is called.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    pub(crate) method: Arc<str>,
    /// The method's name as it stands in responses.
    pub(crate) key: Base64<'static>,
    pub(crate) work: Arc<Work>,
}

impl Handler {
    fn new(method: &str, work: Arc<Work>) -> Self {
        Self { method: method.into(), key: Base64::encode(method.as_bytes()), work }
    }
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
pub(crate) struct Handlers(RwLock<Table>);

#[derive(Default)]
struct Table {
    methods: HashMap<Box<str>, Arc<Handler>>,
    /// Serves what has no handler of its own.
    any: Option<Arc<Work>>,
}

impl Handlers {
    /// Adds a handler, or replaces the one that the method had.
    pub(crate) fn insert(&self, method: &str, work: Work) {
        let handler = Arc::new(Handler::new(method, Arc::new(work)));
        let replaced = self.write().methods.insert(method.into(), handler);
        // Outside the lock, as in `clear`.
        drop(replaced);
    }

    /// Sets what serves methods without a handler of their own.
    pub(crate) fn insert_any(&self, work: Work) {
        let replaced = self.write().any.replace(Arc::new(work));
        drop(replaced);
    }

    /// The method's handler, or one for a method that has none of its own.
    pub(crate) fn find(&self, method: &str) -> Option<Arc<Handler>> {
        let table = self.read();
        let own = table.methods.get(method).cloned();
        own.or_else(|| table.any.clone().map(|work| Arc::new(Handler::new(method, work))))
    }

    pub(crate) fn contains(&self, method: &str) -> bool {
        self.read().methods.contains_key(method)
    }

    /// The names of all methods.
    pub(crate) fn methods(&self) -> Vec<Box<str>> {
        self.read().methods.keys().cloned().collect()
    }

    /// Forgets all handlers, and with them what they hold on to.
    pub(crate) fn clear(&self) {
        let table = std::mem::take(&mut *self.write());
        // Outside the lock: a handler may hold the last clone of an edge.
        drop(table);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // Nothing that could panic halfway runs under this lock.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
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
