use std::collections::BTreeSet;

use super::*;

/// The routes, as the code above names them.
fn served() -> BTreeSet<(String, &'static str)> {
    let source = include_str!("mod.rs");
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"/v1"));
    let routes = lines.flat_map(|line| {
        let (path, handlers) = line.split_once("\", ").expect("a path and its handlers");
        let delete = handlers.contains(".delete(").then_some("delete");
        std::iter::once("get").chain(delete).map(move |method| (format!("/v1{path}"), method))
    });
    routes.collect()
}

#[test]
fn the_description_names_every_route_and_no_other() {
    let api: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let told: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (path.clone(), method.as_str())))
        .collect();
    assert!(told.len() > 10);
    assert_eq!(told, served());
}

#[test]
fn the_description_is_of_this_version() {
    let api: Value = serde_json::from_str(DESCRIPTION).unwrap();
    assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
}
