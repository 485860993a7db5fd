//! Routes that a link has looked up.

use crate::directory::Services;

/// Names per link; devices call few methods and publish on few topics.
const KEPT: usize = 4;

#[derive(Debug)]
struct Route<T> {
    name: Box<[u8]>,
    version: u64,
    target: T,
}

/// Where a link's last few methods or topics lead to, good until any service comes, goes or registers.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    routes: Vec<Route<T>>,
    next: usize,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { routes: Vec::new(), next: 0 }
    }
}

impl<T> Routes<T> {
    /// The target of `name`: the one found last time, or what `look_up` finds now.
    pub(crate) fn find(&mut self, services: &Services, name: &[u8], look_up: impl FnOnce() -> Option<T>) -> Option<&T> {
        // Read before looking up: a change in between makes the entry look old, never new.
        let version = services.version();
        let known = self.routes.iter().position(|route| *route.name == *name);
        if let Some(at) = known
            && self.routes[at].version == version
        {
            return Some(&self.routes[at].target);
        }
        let fresh = Route { name: name.into(), version, target: look_up()? };
        let at = match known {
            Some(at) => at,
            None if self.routes.len() < KEPT => self.routes.len(),
            None => {
                self.next = (self.next + 1) % KEPT;
                self.next
            }
        };
        if at == self.routes.len() {
            self.routes.reserve_exact(1);
            self.routes.push(fresh);
        } else {
            self.routes[at] = fresh;
        }
        Some(&self.routes[at].target)
    }
}
