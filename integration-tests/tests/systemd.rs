//! The systemd unit on a system of its own, in a container with systemd as its first process: `make test-containers`.

use std::fs;

use frontier_integration_tests::containers::{Container, docker, root, stand_in};
use frontier_integration_tests::eventually;
use frontier_integration_tests::process::frontier_binary;
use frontier_integration_tests::raw::{Client, Hello, Pair};

const IMAGE: &str = "frontier-systemd";
const CONFIGURATION: &str = "/usr/conf/frontier.yaml";

/// A system that has come up, with what the README's lines take in `/src`.
fn system() -> Container {
    stand_in("systemd-image.sh", IMAGE);
    // What systemd needs to make cgroups and the unit's sandbox, and no more. On a machine with the old cgroups it mounts
    // its own; with the new ones its part is mounted, but for reading.
    let old = docker("info --format {{.CgroupVersion}}") == "1";
    let (cgroups, first) =
        if old { ("--tmpfs /sys/fs/cgroup", "") } else { ("", "mount -o remount,rw /sys/fs/cgroup &&") };
    let first = format!("{first} exec /lib/systemd/systemd");
    let ports = "--publish 127.0.0.1:0:30011 --publish 127.0.0.1:0:30012";
    let system = Container::run_with(
        &format!(
            "--workdir /src --cgroupns private {cgroups} --tmpfs /run --tmpfs /run/lock --tmpfs /tmp --cap-add SYS_ADMIN \
             --security-opt seccomp=unconfined --security-opt apparmor=unconfined {ports} {IMAGE} sh -c"
        ),
        &first,
    );
    eventually("the system is up", || {
        let done = system.exec("systemctl is-system-running");
        (done.text().trim() == "running").then_some(())
    });
    succeeds(&system, "mkdir -p target/release etc deploy");
    system.put(&frontier_binary(), "/src/target/release/frontier");
    system.put(&root().join("etc/frontier.yaml"), "/src/etc/frontier.yaml");
    system.put(&root().join("deploy/systemd"), "/src/deploy/systemd");
    system
}

/// Runs a line of a shell on the system; what it printed.
#[track_caller]
fn succeeds(system: &Container, line: &str) -> String {
    let done = system.shell(line);
    assert_eq!(done.code, 0, "`{line}`: {}{}\n{}", done.text(), done.err, system.shell("journalctl -n 30").text());
    done.text().trim().to_owned()
}

/// The lines of the README that install the unit, but for the build.
fn readme() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let (_, section) = text.split_once("\n### Under systemd\n").expect("the README has the section");
    let (section, _) = section.split_once("\n### ").expect("another section follows");
    section.lines().filter_map(|line| line.strip_prefix("sudo ")).map(str::to_owned).collect()
}

fn main_process(system: &Container) -> String {
    succeeds(system, "systemctl show --property MainPID --value frontier")
}

#[track_caller]
fn healthy(system: &Container) {
    eventually("the gateway is healthy", || (system.exec("frontier health").code == 0).then_some(()));
}

fn connect(system: &Container) -> Pair {
    let mut service = Client::service(system.published(30011), "svc", &["t"]);
    service.register("echo");
    Pair { edge: Client::edge(system.published(30012)), service }
}

/// Whether edges get an id without an id service.
fn gives_out_ids(system: &Container) -> bool {
    let mut edge = Client::dial(system.published(30012));
    edge.say(&Hello::default());
    edge.conn_ack().text("error").is_empty()
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn the_unit_starts_reloads_comes_back_and_stops() {
    let system = system();
    for line in readme() {
        succeeds(&system, &line);
    }
    healthy(&system);
    let verified = system.shell("systemd-analyze verify frontier.service");
    assert_eq!((verified.code, verified.text(), verified.err.as_str()), (0, "", ""));
    it_may_do_little(&system);
    let mut pair = connect(&system);
    pair.works();

    it_reloads(&system);
    pair.works();

    let before = main_process(&system);
    succeeds(&system, &format!("kill -KILL {before}"));
    eventually("it comes back", || Some(main_process(&system)).filter(|now| *now != "0" && *now != before));
    healthy(&system);

    // Only now, as the limits of a process that runs stay.
    succeeds(&system, "mkdir -p /run/systemd/system/frontier.service.d");
    let limit = "'[Service]\\nLimitNOFILE=1024:4096\\n' >/run/systemd/system/frontier.service.d/limit.conf";
    succeeds(&system, &format!("printf {limit} && systemctl daemon-reload && systemctl restart frontier"));
    healthy(&system);
    assert!(succeeds(&system, "journalctl --unit frontier").contains("limit=4096"), "the soft limit is raised");

    succeeds(&system, "systemctl stop frontier");
    let ended = succeeds(&system, "systemctl show --property ActiveState --property Result frontier");
    assert!(ended.contains("ActiveState=inactive") && ended.contains("Result=success"), "{ended}");
    assert!(succeeds(&system, "journalctl --unit frontier").trim_end().contains("frontier ends"));
}

fn it_may_do_little(system: &Container) {
    let status = succeeds(system, &format!("cat /proc/{}/status", main_process(system)));
    for (field, wanted) in [("NoNewPrivs:", "1"), ("CapBnd:", "0000000000000000"), ("Seccomp:", "2")] {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the kernel tells it");
        assert_eq!(line.trim(), wanted, "{field}");
    }
    let user = succeeds(system, "id --user frontier");
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a process has a user");
    assert!(line.split_whitespace().all(|id| id == user) && user != "0", "{line}");
}

/// `systemctl reload` fails with a bad file and changes nothing; a good one is taken.
fn it_reloads(system: &Container) {
    let process = main_process(system);
    succeeds(system, &format!("echo 'edgebound: [' >{CONFIGURATION}"));
    assert_ne!(system.shell("systemctl reload frontier").code, 0);
    assert!(succeeds(system, "journalctl --unit frontier").contains("frontier.yaml:1:12: "), "it says why");
    assert!(gives_out_ids(system));

    let off =
        format!("sed 's/\\(edgeid_alloc_when_no_idservice_on\\): true/\\1: false/' etc/frontier.yaml >{CONFIGURATION}");
    succeeds(system, &off);
    succeeds(system, "systemctl reload frontier");
    eventually("the change is taken", || (!gives_out_ids(system)).then_some(()));
    assert_eq!(main_process(system), process);
}
