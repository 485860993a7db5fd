//! The scanner of bodies against a model over `serde_json`, on random and on damaged documents: the
//! same verdict, and the same fields.

mod documents;
mod model;

use frontier_proto::body::Body;
use model::{Fields, Verdict};
use proptest::prelude::*;

fn fields(body: &Body<'_>) -> Fields {
    Fields {
        key: body.key.decode(),
        value: body.value.decode(),
        topic: body.topic.to_string(),
        custom: body.custom.decode(),
        error: body.error.to_string(),
        deadline: body.deadline,
        context_deadline: body.context_deadline,
    }
}

/// Scans `document`, and compares with the model unless that cannot tell.
fn check(document: &[u8]) -> Result<(), TestCaseError> {
    let scanned = Body::scan(document);
    match (model::judge(document), &scanned) {
        (Verdict::Accepted(wanted), Ok(body)) => prop_assert_eq!(fields(body), *wanted),
        (Verdict::Accepted(_), Err(error)) => prop_assert!(false, "the model accepts this: {}", error),
        (Verdict::Refused(reason), Ok(body)) => prop_assert!(false, "{} goes through as {:?}", reason, body),
        (Verdict::Refused(_) | Verdict::Unknown, _) => {}
    }
    if let Ok(body) = scanned {
        let mut text = Vec::new();
        body.encode(&mut text);
        prop_assert_eq!(text.len(), body.encoded_len());
        prop_assert_eq!(Body::scan(&text), Ok(body), "what is scanned comes back");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1536))]

    #[test]
    fn random_documents_are_read_as_the_model_reads_them(document in documents::bodies()) {
        check(&document)?;
    }

    #[test]
    fn damaged_documents_are_judged_as_the_model_judges_them(document in documents::damaged()) {
        check(&document)?;
    }

    #[test]
    fn item_07_08_10_any_body_comes_back(body in documents::values()) {
        let mut text = Vec::new();
        body.encode(&mut text);
        prop_assert_eq!(Body::scan(&text), Ok(body));
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "it is JSON");
    }
}
