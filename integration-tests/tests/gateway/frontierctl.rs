//! `frontierctl` as people use it: against a gateway, with the other side in another terminal.

use std::fs;
use std::net::TcpListener;

use frontier_integration_tests::certificates::{Authority, listener_yaml};
use frontier_integration_tests::process::{Signal, built};
use frontier_integration_tests::tool::Running;
use frontier_integration_tests::{Gateway, Settings, Tool, eventually};
use serde_json::{Value, json};

fn ctl(gateway: &Gateway, args: &str) -> Tool {
    Tool::new(&built("frontierctl", "frontier-ctl"), gateway, args)
}

/// A service or edge that is online; for edges, with its id.
fn online(tool: Tool) -> (Running, String) {
    let running = tool.start();
    let line = running.notes("is online");
    let id = line.split_whitespace().nth(1).expect("an id").to_owned();
    (running, id)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

#[test]
fn an_edge_calls_a_service() {
    let gateway = Gateway::start();
    let (service, _) = online(ctl(&gateway, "service serve greet --reply").arg("hello there"));
    let done = ctl(&gateway, "edge call greet Anna").run(b"");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "hello there\n", ""));
    service.notes("call of greet by edge");
    assert_eq!(service.end(Signal::Interrupt), 0);
}

#[test]
fn a_service_calls_an_edge_by_any_method() {
    let gateway = Gateway::start();
    let (edge, id) = online(ctl(&gateway, "edge serve --meta sensor"));
    for method in ["status", "another"] {
        let done = ctl(&gateway, &format!("service call {id} {method} payload")).run(b"");
        assert_eq!((done.code, done.text()), (0, "payload\n"), "an echo");
    }
    assert_eq!(edge.end(Signal::Term), 0);
}

#[test]
fn an_edge_that_serves_some_methods_knows_no_other() {
    let gateway = Gateway::start();
    let (_edge, id) = online(ctl(&gateway, "edge serve status --reply fine"));
    assert_eq!(ctl(&gateway, &format!("service call {id} status")).run(b"").text(), "fine\n");
    let done = ctl(&gateway, &format!("service call {id} other")).run(b"");
    assert_eq!((done.code, done.text(), done.err.as_str()), (1, "", "frontierctl: no such rpc: other\n"));
}

#[test]
fn payloads_come_from_arguments_files_and_standard_input_and_leave_as_they_are() {
    let gateway = Gateway::start();
    let (_service, _) = online(ctl(&gateway, "service serve echo"));
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("payload");
    fs::write(&file, &bytes).expect("written");
    let from_file = ctl(&gateway, "edge call echo --raw").arg(&format!("@{}", file.display())).run(b"");
    assert!(from_file.code == 0 && from_file.out == bytes, "{}", from_file.err);
    let from_input = ctl(&gateway, "edge call echo --raw -").run(&bytes);
    assert!(from_input.code == 0 && from_input.out == bytes, "{}", from_input.err);
    let nothing = ctl(&gateway, "edge call echo --raw").run(b"not read");
    assert_eq!((nothing.code, nothing.out.len()), (0, 0));
    let missing = ctl(&gateway, "edge call echo @no/such/file").run(b"");
    assert_eq!(missing.code, 5);
    assert!(missing.err.contains("no/such/file"), "{}", missing.err);
}

#[test]
fn a_payload_that_no_frame_can_hold_is_refused_here() {
    let gateway = Gateway::start();
    let done = ctl(&gateway, "edge call echo -").run(&vec![b'x'; 11_000_000]);
    assert_eq!(done.code, 5);
    assert!(done.err.contains("more than 10485760 bytes"), "{}", done.err);
}

#[test]
fn json_holds_ids_as_text_and_bytes_as_base64() {
    let gateway = Gateway::start();
    let service = ctl(&gateway, "service receive --json --edges temp*").start();
    service.prints("\"event\":\"online\"");
    let done = ctl(&gateway, "--json edge publish temperature - --meta thermo --custom more").run(&[0xff, 0]);
    assert_eq!((done.code, done.text()), (0, ""));
    service.prints("\"edge_offline\"");
    let said = lines(&service.out.lines().join("\n"));
    let of = |event: &str| said.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"));
    let edge = of("edge_online")["edge"].as_str().expect("ids are text");
    assert!(edge.parse::<u64>().is_ok_and(|id| id > 0));
    assert_eq!(of("edge_online")["meta"], "thermo");
    assert_eq!(
        *of("message"),
        json!({ "event": "message", "topic": "temperature", "edge": edge, "custom": "more", "payload_base64": "/wA=" })
    );
    let failed = ctl(&gateway, "edge call nobody --json").run(b"");
    assert_eq!(failed.code, 1);
    assert_eq!(lines(failed.text()), [json!({ "error": "record not found", "kind": "far_side" })]);
}

#[test]
fn messages_are_accepted_or_rejected_by_whoever_receives() {
    let gateway = Gateway::start();
    let (mut one, _) = online(ctl(&gateway, "service receive temperature --count 1"));
    let done = ctl(&gateway, "edge publish temperature 21.5").run(b"");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    assert!(one.prints("21.5").ends_with("[temperature] 21.5"));
    assert_eq!(one.exit_code(), 0, "it wanted one message");

    let (_service, _) = online(ctl(&gateway, "service receive temperature --reject").arg("too hot"));
    let done = ctl(&gateway, "edge publish temperature 99").run(b"");
    assert_eq!((done.code, done.err.as_str()), (1, "frontierctl: too hot\n"));
}

#[test]
fn a_service_publishes_to_an_edge() {
    let gateway = Gateway::start();
    let (mut edge, id) = online(ctl(&gateway, "edge listen --count 2"));
    assert_eq!(ctl(&gateway, &format!("service publish {id} plain")).run(b"").code, 0);
    assert_eq!(ctl(&gateway, &format!("service publish {id} slow --topic speed")).run(b"").code, 0);
    assert_eq!(edge.exit_code(), 0);
    assert_eq!(edge.out.lines(), ["plain", "[speed] slow"]);
    let offline = ctl(&gateway, &format!("service publish {id} late")).run(b"");
    assert_eq!((offline.code, offline.err.as_str()), (1, "frontierctl: edge not online\n"));
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let gateway = Gateway::start();
    assert_eq!(ctl(&gateway, "edge call").run(b"").code, 2, "the method is missing");
    assert_eq!(ctl(&gateway, "edge call m --timeout 0").run(b"").code, 2);
    assert_eq!(ctl(&gateway, "edge listen --timeout 0.2").run(b"").code, 4);
    let (_service, _) = online(ctl(&gateway, "service serve slow --exec").arg("exec sleep 60"));
    assert_eq!(ctl(&gateway, "edge call slow --timeout 0.3").run(b"").code, 4);
    // A port that is free for as long as nobody else takes it: it is bound, and nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let done = ctl(&gateway, &format!("edge --addr {closed} call m")).run(b"");
    assert_eq!(done.code, 3);
    assert!(done.err.contains(&closed.to_string()), "{}", done.err);
}

#[test]
fn a_refused_edge_says_why() {
    let gateway = Settings { local_edge_ids: false, ..Settings::default() }.start();
    let done = ctl(&gateway, "edge call m").run(b"");
    assert_eq!(done.code, 3);
    assert!(done.err.contains("refused by the gateway: "), "{}", done.err);
}

#[test]
fn both_sides_use_tls_with_certificates_of_their_own() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let listener = listener_yaml(&[&ours.pair("server", "gateway.test")], Some(&ours));
    let gateway = Settings { edge_tls: listener.clone(), service_tls: listener, ..Settings::default() }.start();
    let trusting = |authority: &Authority| format!("--tls-ca {} --tls-name gateway.test", authority.file().display());
    let own = ours.pair("client", "client.test");
    let known = format!("--tls-cert {} --tls-key {}", own.cert.display(), own.key.display());

    let (_service, _) = online(ctl(&gateway, &format!("service serve echo {} {known}", trusting(&ours))));
    let done = ctl(&gateway, &format!("edge call echo hello {} {known}", trusting(&ours))).run(b"");
    assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    let insecure = ctl(&gateway, &format!("edge call echo hello --tls-insecure {known}")).run(b"");
    assert_eq!((insecure.code, insecure.text()), (0, "hello\n"), "{}", insecure.err);
    for refused in [
        format!("{} {known}", trusting(&others)),
        format!("--tls-ca {} {known}", ours.file().display()),
        trusting(&ours),
        String::new(),
    ] {
        let done = ctl(&gateway, &format!("edge call echo hello --connect-timeout 5 {refused}")).run(b"");
        assert_eq!((done.code, done.text()), (3, ""), "{refused:?}: {}", done.err);
    }
    assert_eq!(ctl(&gateway, "edge call echo --tls-cert only.pem").run(b"").code, 2);
}

#[test]
fn calls_are_repeated_and_counted() {
    let gateway = Gateway::start();
    let (service, _) = online(ctl(&gateway, "service serve echo"));
    let done = ctl(&gateway, "edge call echo x --count 5 --rate 200").run(b"");
    assert_eq!((done.code, done.text()), (0, "x\nx\nx\nx\nx\n"));
    assert!(done.err.starts_with("5 answered, 0 failed in "), "{}", done.err);

    let done = ctl(&gateway, "edge call other --count 3 --json").run(b"");
    assert_eq!(done.code, 1, "that of the first failure");
    let said = lines(done.text());
    assert_eq!(said.iter().filter(|line| line["kind"] == "far_side").count(), 3, "{said:?}");
    assert_eq!((&said[3]["answered"], &said[3]["failed"]), (&json!(0), &json!(3)));

    let endless = ctl(&gateway, "edge call echo x --count 0").start();
    eventually("the tenth answer", || (endless.out.count("x") >= 10).then_some(()));
    assert_eq!(endless.end(Signal::Interrupt), 0);
    assert_eq!(service.end(Signal::Term), 0);
}

#[test]
fn a_repeated_call_outlives_a_restart_of_the_gateway() {
    let gateway = Gateway::start();
    let (service, _) = online(ctl(&gateway, "service serve echo"));
    let caller = ctl(&gateway, "edge call echo x --count 0 --rate 20").start();
    caller.prints("x");
    let _gateway = gateway.restart();
    service.notes("the link is lost, trying again");
    let before = caller.out.count("x");
    eventually("answers of the second gateway", || (caller.out.count("x") > before).then_some(()));
}

#[test]
fn calls_run_commands() {
    let gateway = Gateway::start();
    let command = "read line; [ \"$line\" = fail ] && { echo broken >&2; exit 3; }; echo \"$FRONTIER_METHOD: $line\"";
    let (_service, _) = online(ctl(&gateway, "service serve run --exec").arg(command));
    let done = ctl(&gateway, "edge call run -").run(b"it\n");
    assert_eq!((done.code, done.text()), (0, "run: it\n"));
    let done = ctl(&gateway, "edge call run -").run(b"fail\n");
    assert_eq!((done.code, done.err.as_str()), (1, "frontierctl: broken\n"));
}

#[test]
fn a_call_that_is_interrupted_is_cancelled_and_its_command_ends() {
    let gateway = Gateway::start();
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let command = format!("echo $$ > {}.part; mv {0}.part {0}; exec sleep 600", pid.display());
    let (_service, _) = online(ctl(&gateway, "service serve run --exec").arg(&command));
    let caller = ctl(&gateway, "edge call run --timeout 600").start();
    let pid = eventually("the command runs", || fs::read_to_string(&pid).ok());
    let alive = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(alive());
    assert_eq!(caller.end(Signal::Interrupt), 130);
    eventually("the command is ended", || (!alive()).then_some(()));
}

#[test]
fn streams_carry_standard_input_and_each_direction_ends_by_itself() {
    let gateway = Gateway::start();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at / 7) as u8).collect();
    let (edge, id) = online(ctl(&gateway, "edge serve"));
    let echoed = ctl(&gateway, &format!("service open {id}")).run(&bytes);
    assert!(echoed.code == 0 && echoed.out == bytes, "{} bytes; {}", echoed.out.len(), echoed.err);
    edge.notes("a stream ended");

    let (_service, _) = online(ctl(&gateway, "service serve --name counter --exec").arg("wc -c"));
    let counted = ctl(&gateway, "edge open counter").run(&bytes);
    assert_eq!((counted.code, counted.text().trim()), (0, "3000000"), "the answer comes after the end of the input");
}

#[test]
fn a_stream_is_typed_into_and_ends_with_the_other_side() {
    let gateway = Gateway::start();
    let (service, _) = online(ctl(&gateway, "service serve --name talk --exec").arg("read line; echo \"got $line\""));
    let mut open = ctl(&gateway, "edge open talk").start();
    open.types("hello\n");
    open.prints("got hello");
    assert_eq!(open.exit_code(), 0, "although standard input is still open");
    assert_eq!(service.end(Signal::Term), 0);
}

#[test]
fn streams_that_cannot_be_had_say_why() {
    let gateway = Gateway::start();
    let unknown = ctl(&gateway, "edge open nobody").run(b"");
    assert_eq!(unknown.code, 1, "{}", unknown.err);
    assert!(unknown.err.starts_with("frontierctl: refused by the gateway: "), "{}", unknown.err);
    let (_edge, id) = online(ctl(&gateway, "edge serve --fail").arg("out of order"));
    let mut open = ctl(&gateway, &format!("service open {id}")).start();
    assert_eq!(open.exit_code(), 1);
    assert_eq!(open.err.lines(), ["frontierctl: the stream was ended: out of order"]);
}

#[test]
fn a_stream_whose_command_fails_does_not_end_as_if_it_were_whole() {
    let gateway = Gateway::start();
    let (_service, _) = online(ctl(&gateway, "service serve --name half --exec").arg("echo half of it; exit 3"));
    let done = ctl(&gateway, "edge open half").run(b"");
    assert_eq!((done.code, done.text()), (1, "half of it\n"));
    assert_eq!(done.err, "frontierctl: the stream was ended: the command ended with exit status: 3\n");
}

#[test]
fn completions_know_the_commands() {
    let gateway = Gateway::start();
    for shell in ["bash", "zsh", "fish"] {
        let done = ctl(&gateway, &format!("completions {shell}")).run(b"");
        assert_eq!(done.code, 0);
        assert!(["frontierctl", "publish", "serve", "custom"].iter().all(|word| done.text().contains(word)));
    }
    let script = ctl(&gateway, "completions bash").run(b"");
    let checked = std::process::Command::new("bash").args(["-n", "-c", script.text()]).status().expect("bash runs");
    assert!(checked.success(), "the script is valid");
}

/// The words of a command as a shell sees them, as far as README.md uses one: double quotes, comments, further commands.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("there is one").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_commands_of_the_readme_are_understood() {
    let gateway = Gateway::start();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).expect("it is there");
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("bin/frontierctl ")).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    let nowhere = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    for command in commands {
        let tool = ctl(&gateway, "");
        let done = words(&command.replace('…', "")).iter().fold(tool, |tool, word| tool.arg(word));
        let acts_as_a_peer = command.starts_with("edge ") || command.starts_with("service ");
        let whom = if acts_as_a_peer { "--addr" } else { "--endpoint" };
        let done = done.arg(whom).arg(&nowhere.to_string()).run(b"");
        assert_eq!(done.code, 3, "{command}: understood, and then nobody is there. {}", done.err);
    }
}
