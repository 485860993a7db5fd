//! The README's lines about brokers in containers, run as they stand there at the end of compose/test.sh, which has made the
//! images and names them: `make test-compose`.

use frontier_integration_tests::containers::{Compose, docker};
use frontier_integration_tests::readme::recipe;

#[test]
#[ignore = "needs an engine and the images of compose/test.sh: make test-compose"]
fn the_readmes_lines_about_brokers_do_what_they_say() {
    let lines = recipe("Brokers in containers");
    let [up, publish, look, down] = &lines[..] else { panic!("they start, publish, look and take down: {lines:?}") };
    let compose = Compose::new(&[]);
    let succeeds = |line: &str| {
        let done = compose.runs(line);
        assert_eq!(done.code, 0, "`{line}`: {}{}", done.text(), done.err);
        done.text().to_owned()
    };
    succeeds(&up.typed);
    let services = ["frontier", "redis"].map(|service| compose.container(service));
    services.iter().for_each(|service| service.becomes("healthy"));

    let (_, value) = publish.typed.rsplit_once(' ').expect("a value is published");
    let wanted = look.told.trim_matches(['…', ' ']);
    assert!(wanted.ends_with(value), "{value} is to be seen: {wanted}");
    succeeds(&publish.typed);
    let stored = succeeds(&look.typed).lines().collect::<Vec<_>>().join(" ");
    assert!(stored.contains(&format!(" {wanted} ")), "{wanted} is not in {stored}");

    succeeds(&down.typed);
    let left = docker(&format!("ps --all --quiet --filter name=frontier-test-{}", std::process::id()));
    assert_eq!(left, "", "nothing is left");
}
