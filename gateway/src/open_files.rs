//! The limit of open files, which is the limit of links.

use config::Rlimit as Wanted;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Files that are open without any link: ports, logs, the runtime's own.
const OWN_FILES: u64 = 64;

/// Raises the limit of open files: to what is wanted, or as far as the system allows. Tells in one line how many links
/// that allows. A limit that cannot be raised is told and kept: fewer links are better than none.
pub(crate) fn raise(wanted: &Wanted) {
    let number = wanted.nofile.filter(|_| wanted.enable);
    if let Err(cause) = set(number) {
        match number {
            Some(number) => {
                warn!(number, %cause, "the limit of open files cannot be set so high, the system's is used")
            }
            None => warn!(%cause, "the limit of open files cannot be raised"),
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    info!(limit, "open files allow about {} links", limit.saturating_sub(OWN_FILES));
}

/// Sets the limit to `number`, above the hard one as well if this process may, else to the hard one.
fn set(number: Option<u64>) -> Result<(), Errno> {
    let now = getrlimit(Resource::Nofile);
    let to_hard_limit = || setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now });
    match number {
        None => to_hard_limit(),
        Some(number) if now.maximum.is_none_or(|hard| number <= hard) => {
            setrlimit(Resource::Nofile, Rlimit { current: Some(number), ..now })
        }
        Some(number) => setrlimit(Resource::Nofile, Rlimit { current: Some(number), maximum: Some(number) })
            .or_else(|refused| to_hard_limit().and(Err(refused))),
    }
}
