//! Services by id, name, method and topic.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dao::Generation;
use proto::body::ServiceMeta;
use proto::id::ServiceId;
use proto::topic;

use super::pick::pick;
use super::topics::Filter;
use crate::exchange::{Command, Handle};

/// How long the name of a method may be.
const MAX_METHOD_BYTES: usize = 4096;

/// A service that is online.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) id: ServiceId,
    pub(crate) name: Box<str>,
    pub(crate) peer: SocketAddr,
    pub(crate) handle: Handle,
}

type Candidates<K> = HashMap<K, Vec<Arc<Service>>>;

#[derive(Debug, Default)]
struct Tables {
    by_id: HashMap<ServiceId, Arc<Service>>,
    names: Candidates<Box<str>>,
    methods: Candidates<Box<[u8]>>,
    topics: Candidates<Box<str>>,
    /// The longest literal prefix first.
    globs: Vec<(Box<str>, Vec<Arc<Service>>)>,
    fallback: Vec<Arc<Service>>,
    generations: u64,
}

/// The tables of services. A version counts their changes, so that links can keep what they looked up.
#[derive(Debug, Default)]
pub(crate) struct Services {
    tables: RwLock<Tables>,
    version: AtomicU64,
}

/// A service's place in the tables. Dropping it takes the service out of all of them.
#[derive(Debug)]
pub(crate) struct Registration {
    services: Arc<Services>,
    service: Arc<Service>,
    filters: HashSet<Filter>,
    /// And since when, in seconds since 1970.
    methods: HashMap<Box<[u8]>, i64>,
    generation: Generation,
}

impl Services {
    // Nothing that could panic halfway runs under these locks.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes whenever what a lookup finds may have changed.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// A service that offers `method`, chosen by `key`.
    pub(crate) fn for_method(&self, method: &[u8], key: u64) -> Option<Arc<Service>> {
        pick(self.read().methods.get(method)?, key)
    }

    /// Whether this very link offers `method`.
    pub(crate) fn offers(&self, service: &Arc<Service>, method: &[u8]) -> bool {
        let tables = self.read();
        tables.methods.get(method).is_some_and(|several| several.iter().any(|one| Arc::ptr_eq(one, service)))
    }

    /// A service of this name, chosen by `key`.
    pub(crate) fn named(&self, name: &str, key: u64) -> Option<Arc<Service>> {
        pick(self.read().names.get(name)?, key)
    }

    /// A service for `topic`, chosen by `key`: among those that named it exactly, else by the glob with the longest
    /// literal prefix, else among those that take what nobody else takes.
    pub(crate) fn for_topic(&self, topic: &str, key: u64) -> Option<Arc<Service>> {
        let tables = self.read();
        pick(tables.taking(topic).unwrap_or(&tables.fallback), key)
    }

    /// As [`Services::for_topic`], but for those that take what nobody else takes.
    pub(crate) fn taking(&self, topic: &str, key: u64) -> Option<Arc<Service>> {
        pick(self.read().taking(topic)?, key)
    }

    /// A service that takes what nobody else takes, chosen by `key`.
    pub(crate) fn fallback(&self, key: u64) -> Option<Arc<Service>> {
        pick(&self.read().fallback, key)
    }

    /// The link that holds an id.
    pub(crate) fn holder(&self, id: ServiceId) -> Option<Handle> {
        self.read().by_id.get(&id).map(|service| service.handle.clone())
    }

    /// The links of all services.
    pub(crate) fn handles(&self) -> Vec<Handle> {
        self.read().by_id.values().map(|service| service.handle.clone()).collect()
    }

    /// Bytes that wait for all services, and for the one that has most.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let tables = self.read();
        let queued = tables.by_id.values().map(|service| service.handle.queued());
        queued.fold((0, 0), |(sum, most), queued| (sum + queued, most.max(queued)))
    }

    /// How much stands in the tables.
    pub(crate) fn tables(&self) -> super::Tables {
        let tables = self.read();
        super::Tables {
            services: tables.by_id.len(),
            names: tables.names.len(),
            methods: tables.methods.len(),
            topics: tables.topics.len() + tables.globs.len() + tables.fallback.len(),
            ..super::Tables::default()
        }
    }

    /// Enters a service. Another link with its id is displaced at once.
    pub(crate) fn register(self: &Arc<Self>, service: Service, meta: &ServiceMeta) -> Registration {
        let by = service.peer;
        let service = Arc::new(service);
        let filters: HashSet<Filter> = meta.topics.iter().map(|topic| Filter::parse(topic)).collect();
        let mut tables = self.write();
        tables.generations += 1;
        let generation = Generation(tables.generations);
        let displaced = tables.by_id.insert(service.id, Arc::clone(&service));
        if let Some(displaced) = &displaced {
            tables.remove_everywhere(displaced);
        }
        enter(&mut tables.names, service.name.clone(), &service);
        for filter in &filters {
            tables.subscribe(filter, &service);
        }
        drop(tables);
        self.changed();
        if let Some(displaced) = displaced {
            // One that is gone already needs not be told.
            let _ = displaced.handle.push(Command::Displace { by });
        }
        Registration { services: Arc::clone(self), service, filters, methods: HashMap::new(), generation }
    }
}

impl Tables {
    /// Those that take `topic` by name, else by the glob with the longest literal prefix.
    fn taking(&self, topic: &str) -> Option<&[Arc<Service>]> {
        let exact = self.topics.get(topic);
        let glob = || self.globs.iter().find(|(glob, _)| topic::matches(glob, topic)).map(|(_, several)| several);
        exact.or_else(glob).map(Vec::as_slice)
    }

    fn subscribe(&mut self, filter: &Filter, service: &Arc<Service>) {
        match filter {
            Filter::Exact(topic) => enter(&mut self.topics, topic.clone(), service),
            Filter::Fallback => self.fallback.push(Arc::clone(service)),
            Filter::Glob(glob) => match self.globs.iter_mut().find(|(known, _)| known == glob) {
                Some((_, several)) => several.push(Arc::clone(service)),
                None => {
                    self.globs.push((glob.clone(), vec![Arc::clone(service)]));
                    self.globs.sort_by_key(|(glob, _)| std::cmp::Reverse(topic::literal_prefix(glob)));
                }
            },
        }
    }

    fn unsubscribe(&mut self, filter: &Filter, service: &Arc<Service>) {
        match filter {
            Filter::Exact(topic) => leave(&mut self.topics, topic, service),
            Filter::Fallback => self.fallback.retain(|one| !Arc::ptr_eq(one, service)),
            Filter::Glob(_) => self.leave_globs(service),
        }
    }

    fn leave_globs(&mut self, service: &Arc<Service>) {
        self.globs.retain_mut(|(_, several)| {
            several.retain(|one| !Arc::ptr_eq(one, service));
            !several.is_empty()
        });
    }

    /// Takes a displaced service out without knowing what it had entered.
    fn remove_everywhere(&mut self, service: &Arc<Service>) {
        leave(&mut self.names, &service.name, service);
        sweep(&mut self.methods, service);
        sweep(&mut self.topics, service);
        self.leave_globs(service);
        self.fallback.retain(|one| !Arc::ptr_eq(one, service));
    }
}

fn enter<K: Eq + Hash>(table: &mut Candidates<K>, key: K, service: &Arc<Service>) {
    table.entry(key).or_default().push(Arc::clone(service));
}

fn leave<K, Q>(table: &mut Candidates<K>, key: &Q, service: &Arc<Service>)
where
    K: Eq + Hash + std::borrow::Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    if let Some(several) = table.get_mut(key) {
        several.retain(|one| !Arc::ptr_eq(one, service));
        if several.is_empty() {
            table.remove(key);
        }
    }
}

fn sweep<K: Eq + Hash>(table: &mut Candidates<K>, service: &Arc<Service>) {
    table.retain(|_, several| {
        several.retain(|one| !Arc::ptr_eq(one, service));
        !several.is_empty()
    });
}

impl Registration {
    /// The service as others see it.
    pub(crate) const fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Which of those that have held the id.
    pub(crate) const fn generation(&self) -> Generation {
        self.generation
    }

    /// The topics that it takes, as it named them.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().map(Filter::text)
    }

    /// The methods that it offers, and since when.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (&[u8], i64)> {
        self.methods.iter().map(|(method, since)| (&**method, *since))
    }

    /// Enters a method, at the time `now` (seconds since 1970); entering it again changes nothing. `false` if the service has `most` already, or it is too long.
    pub(crate) fn offer(&mut self, method: &[u8], now: i64, most: usize) -> bool {
        if self.methods.contains_key(method) {
            return true;
        }
        if self.methods.len() >= most || method.len() > MAX_METHOD_BYTES {
            return false;
        }
        self.methods.insert(method.into(), now);
        let mut tables = self.services.write();
        // A service that was displaced meanwhile is in no table any more.
        if tables.is_current(&self.service) {
            enter(&mut tables.methods, method.into(), &self.service);
        }
        drop(tables);
        self.services.changed();
        true
    }
}

impl Tables {
    fn is_current(&self, service: &Arc<Service>) -> bool {
        self.by_id.get(&service.id).is_some_and(|current| Arc::ptr_eq(current, service))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut tables = self.services.write();
        if let Entry::Occupied(current) = tables.by_id.entry(self.service.id)
            && Arc::ptr_eq(current.get(), &self.service)
        {
            current.remove();
        }
        leave(&mut tables.names, &self.service.name, &self.service);
        for method in self.methods.keys() {
            leave(&mut tables.methods, method, &self.service);
        }
        for filter in &self.filters {
            tables.unsubscribe(filter, &self.service);
        }
        drop(tables);
        self.services.changed();
    }
}
