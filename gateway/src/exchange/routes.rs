//! Routes that a link has looked up.

use std::sync::Arc;

use crate::directory::{Service, Services};

/// Names per link; devices call few methods and publish on few topics.
const KEPT: usize = 4;

#[derive(Debug)]
struct Route {
    name: Box<[u8]>,
    version: u64,
    service: Arc<Service>,
}

/// The services that a link's last few methods or topics lead to, good until any service comes, goes or registers.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    routes: Vec<Route>,
    next: usize,
}

impl Routes {
    /// The service for `name`: the one found last time, or what `look_up` finds now.
    pub(crate) fn find(
        &mut self,
        services: &Services,
        name: &[u8],
        look_up: impl FnOnce() -> Option<Arc<Service>>,
    ) -> Option<&Arc<Service>> {
        // Read before looking up: a change in between makes the entry look old, never new.
        let version = services.version();
        let known = self.routes.iter().position(|route| *route.name == *name);
        if let Some(at) = known
            && self.routes[at].version == version
        {
            return Some(&self.routes[at].service);
        }
        let fresh = Route { name: name.into(), version, service: look_up()? };
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
        Some(&self.routes[at].service)
    }
}
