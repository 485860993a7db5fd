//! What tells this gateway from all others, to brokers that want to know.

use std::fs;

use aws_lc_rs::digest::{SHA256, digest};

use crate::Listening;

/// Letters and digits that no other gateway has, and that stay over a restart: made of the name that the configuration gives,
/// of the machine, and of the ports. Two gateways of one configuration have different machines or different ports; a gateway on
/// ports that the system chooses has a new name each time.
///
/// A container is told by its host name, a machine cloned with its host name by `/etc/machine-id`. That is not to be shown to
/// others, so nobody can make it of the name again.
pub(crate) fn name(frontier_id: &str, listening: Listening) -> String {
    let uname = rustix::system::uname();
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let Listening { services, edges, .. } = listening;
    of(&[frontier_id, &uname.nodename().to_string_lossy(), machine.trim(), &services.to_string(), &edges.to_string()])
}

fn of(parts: &[&str]) -> String {
    let hash = digest(&SHA256, parts.join("\n").as_bytes());
    hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_tells() {
        let parts = ["gateway-1", "host", "0123456789abcdef", "127.0.0.1:30011", "127.0.0.1:30012"];
        let name = of(&parts);
        assert_eq!(name, of(&parts));
        assert!(name.len() == 16 && name.chars().all(|char| char.is_ascii_alphanumeric()), "{name}");
        for part in 0..parts.len() {
            let mut other = parts;
            other[part] = "x";
            assert_ne!(of(&other), name, "{part}");
        }
    }
}
