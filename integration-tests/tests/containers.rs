//! The image and the compose file, built and run by a Docker engine: `make test-containers`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use frontier_integration_tests::containers::{Compose, Container, docker, image, mountable, root};
use frontier_integration_tests::control::number;
use frontier_integration_tests::process::built;
use frontier_integration_tests::raw::{Client, Hello, Pair};
use frontier_integration_tests::{Control, Tool, eventually, http};

/// How the README runs the image, but for the ports: those are any free ones of this machine.
const AS_IN_README: &str = "--read-only --cap-drop ALL --security-opt no-new-privileges \
                            --publish 127.0.0.1:0:30011 --publish 127.0.0.1:0:30012 --publish 127.0.0.1:0:9091";

/// More than the drain window, as the README's `--stop-timeout`.
const GRACE: Duration = Duration::from_secs(40);

fn sample() -> String {
    fs::read_to_string(root().join("etc/frontier.yaml")).expect("the sample is there")
}

fn connect(container: &Container) -> Pair {
    let mut service = Client::service(container.published(30011), "svc", &["t"]);
    service.register("echo");
    Pair { edge: Client::edge(container.published(30012)), service }
}

/// Whether edges get an id without an id service.
fn gives_out_ids(container: &Container) -> bool {
    let mut edge = Client::dial(container.published(30012));
    edge.say(&Hello::default());
    edge.conn_ack().text("error").is_empty()
}

/// The user that the container's first process is on this machine.
fn user(container: &Container) -> String {
    let status = Path::new("/proc").join(container.inspect("{{.State.Pid}}")).join("status");
    let status = fs::read_to_string(status).expect("the engine runs on this machine");
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a process has a user");
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn an_image_says_what_it_takes() {
    let told = docker(&format!("image inspect {}", image()));
    let images: serde_json::Value = serde_json::from_str(&told).unwrap();
    let config = &images[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/usr/bin/frontier"]));
    assert_eq!(config["Cmd"], serde_json::json!(["--config", "/usr/conf/frontier.yaml"]));
    let ports: Vec<&str> = config["ExposedPorts"].as_object().unwrap().keys().map(String::as_str).collect();
    for port in ["30010/tcp", "30011/tcp", "30012/tcp", "9091/tcp"] {
        assert!(ports.contains(&port), "{port} is not in {ports:?}");
    }
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn a_container_works_as_nobody_on_a_read_only_disk_and_ends_in_order() {
    let container = Container::run(&format!("{AS_IN_README} {}", image()));
    container.becomes("healthy");
    assert_eq!(user(&container), "65532");
    let ready = http::get(container.published(9091), "/readyz").expect("the port is published");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready"));
    let mut pair = connect(&container);
    pair.works();
    let done = container.exec("frontierctl edge call nobody-takes-this");
    assert_eq!(done.code, 1, "{}", done.err);

    let Pair { mut edge, mut service } = pair;
    assert_eq!(container.stop(GRACE), 0, "137 is a kill after the grace");
    container.logs("frontier ends");
    edge.ended();
    service.ended();
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn a_mounted_configuration_is_read_again_at_sighup_and_links_live_on() {
    let (folder, file) = mountable("frontier.yaml", &sample());
    let mount = format!("--volume {}:/usr/conf:ro", folder.path().display());
    let container = Container::run(&format!("{AS_IN_README} {mount} {}", image()));
    container.becomes("healthy");
    let mut pair = connect(&container);
    assert!(gives_out_ids(&container));

    let without_ids =
        sample().replace("edgeid_alloc_when_no_idservice_on: true", "edgeid_alloc_when_no_idservice_on: false");
    assert_ne!(without_ids, sample());
    // As editors do: a new file in place of the old one.
    let new = folder.path().join("new");
    fs::write(&new, without_ids).unwrap();
    fs::rename(new, &file).unwrap();
    container.signal("HUP");
    container.logs("configuration reloaded");
    assert!(!gives_out_ids(&container));
    pair.works();
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn a_container_whose_health_cannot_be_asked_is_not_healthy() {
    let off = sample().replace("enable: true", "enable: false");
    assert_ne!(off, sample());
    let (folder, _file) = mountable("frontier.yaml", &off);
    let mount = format!("--volume {}:/usr/conf:ro", folder.path().display());
    let soon = "--health-interval 1s --health-retries 1 --health-start-period 0s";
    let container = Container::run(&format!("{soon} {mount} {}", image()));
    container.becomes("unhealthy");
    let said = container.inspect("{{(index .State.Health.Log 0).Output}}");
    assert!(said.contains("frontier: 127.0.0.1:9091 does not answer GET /healthz: "), "{said}");
}

/// The lines of the README that use the compose file alone.
fn readme() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let alone =
        |line: &&str| line.starts_with("docker compose -f compose/compose.yaml") && !line.contains("brokers.yaml");
    text.lines().filter(alone).map(str::to_owned).collect()
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn the_readmes_lines_with_compose_do_what_they_say() {
    let any = "127.0.0.1:0";
    let compose = Compose::new(&[
        ("FRONTIER_IMAGE", image()),
        ("FRONTIER_PUBLISH_SERVICES", any),
        ("FRONTIER_PUBLISH_EDGES", any),
        ("FRONTIER_PUBLISH_OBSERVABILITY", any),
        ("FRONTIER_PUBLISH_CONTROL", any),
    ]);
    let lines = readme();
    let [up, call, reload, down] = lines.as_slice() else {
        panic!("the README starts, calls, reloads and takes down: {lines:?}");
    };
    let done = compose.runs(up);
    assert_eq!(done.code, 0, "{}", done.err);
    let gateway = compose.container("frontier");
    gateway.becomes("healthy");
    // The greeter was started once the gateway was healthy, and has to connect.
    let answer = eventually("the greeter answers", || Some(compose.runs(call)).filter(|done| done.code == 0));
    assert_eq!(answer.text().trim(), "hello from the service");

    let mut pair = connect(&gateway);
    pair.works();
    let ctl = Tool::installed(&built("frontierctl", "frontier-ctl").display().to_string(), "edge call greet");
    let done = ctl.env("FRONTIER_EDGE_ADDR", &gateway.published(30012).to_string()).run(b"");
    assert_eq!((done.code, done.text()), (0, "hello from the service\n"), "{}", done.err);

    assert_eq!(compose.runs(reload).code, 0);
    gateway.logs("configuration reloaded");
    pair.works();

    let stopped = compose.runs("docker compose -f compose/compose.yaml stop");
    assert_eq!((stopped.code, gateway.exit_code()), (0, 0), "137 is a kill after the grace: {}", stopped.err);
    let done = compose.runs(down);
    assert_eq!(done.code, 0, "{}", done.err);
    let left = docker(&format!("ps --all --quiet --filter name=frontier-test-{}", std::process::id()));
    assert_eq!(left, "", "nothing is left");
}

/// The sample with the control plane, and records in SQLite on a volume.
fn with_records() -> String {
    let control = "controlplane: {enable: true, listen: {addr: 0.0.0.0:30010}}\n";
    format!("{}\n{control}dao: {{backend: sqlite, sqlite: {{path: /var/lib/frontier/frontier.db}}}}\n", sample())
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn records_in_sqlite_on_a_volume_are_exact_on_a_read_only_disk_and_after_a_kill() {
    let (conf, _file) = mountable("frontier.yaml", &with_records());
    let records = tempfile::tempdir().expect("a temporary folder can be made");
    fs::set_permissions(records.path(), fs::Permissions::from_mode(0o777)).expect("the folder is ours");
    let (any, project) = ("127.0.0.1:0", format!("frontier-records-{}", std::process::id()));
    let (conf, records) = (conf.path().display().to_string(), records.path().display().to_string());
    let compose = Compose::new(&[
        ("COMPOSE_PROJECT_NAME", &project),
        ("FRONTIER_IMAGE", image()),
        ("FRONTIER_CONF", &conf),
        ("FRONTIER_RECORDS", &records),
        ("FRONTIER_PUBLISH_SERVICES", any),
        ("FRONTIER_PUBLISH_EDGES", any),
        ("FRONTIER_PUBLISH_OBSERVABILITY", any),
        ("FRONTIER_PUBLISH_CONTROL", any),
    ]);
    let files = "docker compose -f compose/compose.yaml -f compose/sqlite.yaml";
    let up = format!("{files} up --detach");
    let gateway_up = || {
        let done = compose.runs(&up);
        assert_eq!(done.code, 0, "{}", done.err);
        let gateway = compose.container("frontier");
        gateway.becomes("healthy");
        gateway
    };
    let gateway = gateway_up();
    let control = Control { addr: gateway.published(30010) };
    let edges: Vec<Client> = (0..20).map(|_| Client::edge(gateway.published(30012))).collect();
    assert_eq!(control.count(), 20);
    assert!(Path::new(&records).join("frontier.db").is_file(), "the file is on the volume");
    let kicked = control.ask("DELETE", &format!("/v1/edges/{}", edges[0].id), &[]);
    assert_eq!((kicked.status, control.count()), (200, 19));

    assert_eq!(compose.runs(&format!("{files} kill --signal KILL frontier")).code, 0);
    drop(gateway);
    let gateway = gateway_up();
    let control = Control { addr: gateway.published(30010) };
    assert_eq!(control.count(), 0, "nobody of the earlier run");
    let _edge = Client::edge(gateway.published(30012));
    assert_eq!(control.count(), 1);
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn a_volume_that_cannot_be_written_is_one_line_at_the_start() {
    let (conf, _file) = mountable("frontier.yaml", &with_records());
    let (records, _readme) = mountable("README", "of another user");
    let mounts = format!(
        "--volume {}:/usr/conf:ro --volume {}:/var/lib/frontier",
        conf.path().display(),
        records.path().display()
    );
    let container = Container::run(&format!("{AS_IN_README} {mounts} {}", image()));
    eventually("it gives up", || (container.inspect("{{.State.Status}}") == "exited").then_some(()));
    assert_eq!(container.exit_code(), 1);
    container.logs("frontier: dao.sqlite.path: /var/lib/frontier/frontier.db cannot be used as a database: ");
}

/// As another user than the image's; there is no place to write to, `/tmp` included.
const AS_SOMEBODY: &str = "--user 1000:1000 --publish 127.0.0.1:0:30010";

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn many_records_are_sorted_where_nothing_is_writable() {
    /// With their metas they are more than SQLite keeps in memory, unless it is told to.
    const EDGES: usize = 1_200;
    let control = "controlplane: {enable: true, listen: {addr: 0.0.0.0:30010}}\n";
    let config = format!("{}\n{control}dao: {{backend: sqlite, sqlite: {{path: \":memory:\"}}}}\n", sample());
    let (conf, _file) = mountable("frontier.yaml", &config);
    let mount = format!("--volume {}:/usr/conf:ro", conf.path().display());
    let container = Container::run(&format!("{AS_IN_README} {AS_SOMEBODY} {mount} {}", image()));
    container.becomes("healthy");
    assert_eq!(user(&container), "1000");
    let (addr, control) = (container.published(30012), Control { addr: container.published(30010) });
    let text = "x".repeat(15_000);
    let meta = |i: usize| format!("m{i:04}{text}");
    let edges: Vec<Client> = (0..EDGES).map(|i| Client::connect(addr, &Hello::edge(meta(i).as_bytes()))).collect();
    for (page, first) in [(1, EDGES - 1), (8, 149)] {
        let listed = control.get(&format!("/v1/edges?order=-meta&page={page}&page_size=150"));
        let rows = listed["edges"].as_array().expect("rows");
        assert_eq!((&listed["count"], rows.len()), (&EDGES.into(), 150));
        for (row, edge) in rows.iter().zip(edges[..=first].iter().rev()) {
            assert_eq!(number(&row["edge_id"]), edge.id);
        }
    }
    drop(edges);
    eventually("all have gone", || (control.count() == 0).then_some(()));
}

#[test]
#[ignore = "needs a Docker engine: make test-containers"]
fn what_wants_to_write_where_nothing_is_writable_is_one_line_at_the_start() {
    let records = format!("{}\ndao: {{backend: sqlite, sqlite: {{path: /var/lib/none/frontier.db}}}}\n", sample());
    let log = sample().replace("output: stdout", "output: file");
    for (config, said) in [(records, "dao.sqlite.path: /var/lib/none/frontier.db"), (log, "log")] {
        let (conf, _file) = mountable("frontier.yaml", &config);
        let mount = format!("--volume {}:/usr/conf:ro", conf.path().display());
        let container = Container::run(&format!("{AS_IN_README} {AS_SOMEBODY} {mount} {}", image()));
        eventually("it gives up", || (container.inspect("{{.State.Status}}") == "exited").then_some(()));
        assert_eq!(container.exit_code(), 1);
        let log = container.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("frontier: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(said), "{log}");
    }
}
