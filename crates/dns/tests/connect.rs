//! The client as the lookup of `trunkline-connect`.

use std::sync::Arc;

use trunkline_connect::AddressQuery;
use trunkline_connect::io::AddressLookup;
use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Hosts, LookupError};
use trunkline_runtime::{Runtime, Tokio};

/// Checks the answers for both families, in the order of the questions.
async fn check(hosts: &str, host: &str, expected: &[(AddressQuery, &[&str])]) {
    let runtime: Arc<dyn Runtime> = Arc::new(Tokio::new());
    let hosts = Hosts::parse(hosts.as_bytes());
    let config = ClientConfig::with_servers(Vec::new()).hosts(hosts);
    let client = Client::new(Arc::clone(&runtime), config);
    let answers = client.lookup(&*runtime, host, 443);
    assert_eq!(answers.len(), expected.len());
    for ((query, answer), (expected_query, addresses)) in answers.into_iter().zip(expected) {
        let found: Vec<String> = answer
            .await
            .expect("an answer")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(query, *expected_query);
        assert_eq!(found, *addresses);
    }
}

/// Each family has an answer of its own, with the port.
#[tokio::test]
async fn each_family_answers_for_itself() {
    let hosts = "192.0.2.1 both\n2001:db8::1 both\n192.0.2.2 four\n";
    let both: &[(AddressQuery, &[&str])] = &[
        (AddressQuery::Aaaa, &["[2001:db8::1]:443"]),
        (AddressQuery::A, &["192.0.2.1:443"]),
    ];
    check(hosts, "both", both).await;
    check(
        hosts,
        "four",
        &[
            (AddressQuery::Aaaa, &[]),
            (AddressQuery::A, &["192.0.2.2:443"]),
        ],
    )
    .await;
}

/// A name that does not exist is an error, whose source is the [`LookupError`].
#[tokio::test]
async fn a_name_that_does_not_exist() {
    let runtime: Arc<dyn Runtime> = Arc::new(Tokio::new());
    let client = Client::new(Arc::clone(&runtime), ClientConfig::system());
    for (_, answer) in client.lookup(&*runtime, "gone.invalid", 443) {
        let error = answer.await.expect_err("no such name");
        let inner = error.get_ref().expect("the client's error");
        assert!(inner.downcast_ref::<LookupError>().is_some(), "{error}");
    }
}
