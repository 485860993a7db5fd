use super::*;

fn addr(text: &str) -> BrokerAddr {
    text.parse().unwrap()
}

#[test]
fn an_address_is_printed_without_its_password_or_token() {
    for (text, expected) in [
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        ("[::1]:9092", "[::1]:9092"),
        ("t0ken@host:1", "********@host:1"),
        ("t0ken:@host:1", "********@host:1"),
        ("user:pass@host:1", "user:********@host:1"),
        ("u:p@ss@host:1/%2f", "u:********@host:1/%2f"),
        ("nats://u:p:q@host:1", "nats://u:********@host:1"),
        ("redis://:p@host:1/0", "redis://:********@host:1/0"),
        ("nats://t0ken@host:1", "nats://********@host:1"),
    ] {
        assert_eq!(addr(text).to_string(), expected);
        assert_eq!(format!("{:?}", addr(text)), expected);
        assert_eq!(serde_json::to_value(addr(text)).unwrap(), expected);
        assert_eq!(addr(text).expose(), text);
    }
}

#[test]
fn a_secret_is_never_printed() {
    let secret: Secret = "p#a$s/%41:w@rd é".parse().unwrap();
    assert_eq!(secret.expose(), "p#a$s/%41:w@rd é");
    assert_eq!(format!("{secret:?}"), MASK);
    assert_eq!(serde_json::to_value(&secret).unwrap(), MASK);
    let credential = Credential { value: Some(secret), ..Credential::default() };
    assert!(!format!("{credential:?}").contains("p#a"), "{credential:?}");
}

#[test]
fn a_secret_comes_from_the_place_that_is_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("secret");
    for (content, expected) in
        [("p w", "p w"), ("p w\n", "p w"), ("p w\r\n", "p w"), ("p w\n\n", "p w\n"), (" p", " p"), ("", "")]
    {
        fs::write(&file, content).unwrap();
        let credential = Credential { file: Some(file.clone()), ..Credential::default() };
        assert_eq!(credential.secret(|_| None).unwrap().unwrap().expose(), expected, "{content:?}");
    }
    let variable = Credential { environment: Some("TOKEN".to_owned()), ..Credential::default() };
    let env = |name: &str| (name == "TOKEN").then(|| "abc".to_owned());
    assert_eq!(variable.secret(env).unwrap().unwrap().expose(), "abc");
    assert!(Credential::default().secret(env).unwrap().is_none());
}

#[test]
fn a_place_without_a_secret_is_named() {
    let missing = Credential { file: Some("/nowhere/secret".into()), ..Credential::default() };
    let error = missing.secret(|_| None).unwrap_err();
    assert_eq!(error.to_string(), "secret file /nowhere/secret: cannot be read");
    let unset = Credential { environment: Some("TOKEN".to_owned()), ..Credential::default() };
    let error = unset.secret(|_| None).unwrap_err();
    assert_eq!(error.to_string(), "environment variable TOKEN is not set; it should hold a secret");
}
