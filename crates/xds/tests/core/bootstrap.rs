//! Section 1: the bootstrap.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prost_types::value::Kind;
use serde_json::{Value, json};
use trunkline_target::Target;
use trunkline_xds::core::{
    Authority, AuthorityName, Bootstrap, BootstrapSource, CertificateProvider, IdentityFiles, Node,
    NodeLocality, ServerCallCredentials, ServerConfig, ServerCredentials, ServerFeatures, TlsFiles,
    data_plane_authority,
};
use trunkline_xds_proto::envoy::config::core::v3 as proto;
use trunkline_xds_proto::envoy::config::core::v3::node::UserAgentVersionType;

fn parse(json: &Value) -> Result<Bootstrap, String> {
    Bootstrap::parse(&json.to_string()).map_err(|error| error.to_string())
}

/// A bootstrap with one server, and `more` fields of the top level.
fn with(more: Value) -> Value {
    let server = json!({ "server_uri": "plane:18000", "channel_creds": [{ "type": "insecure" }] });
    let mut whole = json!({ "xds_servers": [server] });
    let Value::Object(more) = more else {
        panic!("the fields are an object");
    };
    whole.as_object_mut().expect("an object").extend(more);
    whole
}

/// A bootstrap whose one server has `more` fields, or other values of them.
fn with_server(more: Value) -> Value {
    let mut whole = with(json!({}));
    let Value::Object(more) = more else {
        panic!("the fields are an object");
    };
    let server = whole["xds_servers"][0].as_object_mut();
    server.expect("an object").extend(more);
    whole
}

fn check_fails(json: &Value, expected: &str) {
    assert_eq!(parse(json), Err(format!("xds bootstrap: {expected}")));
}

/// Finds a bootstrap where these variables are set and these files exist; returns it, and the files
/// that were read.
fn find(
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> (Result<Bootstrap, String>, Vec<PathBuf>) {
    let read = RefCell::new(Vec::new());
    let variable = |name: &str| {
        let found = variables.iter().find(|(set, _)| *set == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let found = Bootstrap::find(variable, |file: &Path| {
        read.borrow_mut().push(file.to_owned());
        let found = files.iter().find(|(name, _)| Path::new(name) == file);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    });
    (found.map_err(|error| error.to_string()), read.into_inner())
}

/// 1.1: the file that `GRPC_XDS_BOOTSTRAP` names, or else the JSON in `GRPC_XDS_BOOTSTRAP_CONFIG`.
#[test]
fn xds_1_1_file_before_json() {
    let from = |id: &str| with(json!({ "node": { "id": id } })).to_string();
    let (file, text) = (from("file"), from("text"));
    let id = |found: Result<Bootstrap, String>| found.map(|bootstrap| bootstrap.node.id);
    let both = [
        ("GRPC_XDS_BOOTSTRAP", "/etc/xds.json"),
        ("GRPC_XDS_BOOTSTRAP_CONFIG", &text),
    ];

    let (found, read) = find(&both, &[("/etc/xds.json", &file)]);
    assert_eq!(id(found), Ok("file".to_owned()));
    assert_eq!(read, [PathBuf::from("/etc/xds.json")]);

    let (found, read) = find(&both[1..], &[("/etc/xds.json", &file)]);
    assert_eq!(id(found), Ok("text".to_owned()));
    assert_eq!(read, Vec::<PathBuf>::new());
}

/// 1.1: the file wins even when it cannot be read.
#[test]
fn xds_1_1_unreadable_file_wins() {
    let text = with(json!({})).to_string();
    let (found, _) = find(
        &[
            ("GRPC_XDS_BOOTSTRAP", "/etc/xds.json"),
            ("GRPC_XDS_BOOTSTRAP_CONFIG", &text),
        ],
        &[],
    );
    let expected = "xds bootstrap: cannot read /etc/xds.json: no such file";
    assert_eq!(found, Err(expected.to_owned()));
}

/// 1.1: an empty variable counts as unset.
#[test]
fn xds_1_1_empty_variables_are_unset() {
    let text = with(json!({})).to_string();
    let empty = ("GRPC_XDS_BOOTSTRAP", "");
    let (found, read) = find(&[empty, ("GRPC_XDS_BOOTSTRAP_CONFIG", &text)], &[]);
    assert!(found.is_ok() && read.is_empty(), "{found:?} {read:?}");

    let (found, _) = find(&[empty, ("GRPC_XDS_BOOTSTRAP_CONFIG", "")], &[]);
    let expected = "xds bootstrap: neither GRPC_XDS_BOOTSTRAP nor GRPC_XDS_BOOTSTRAP_CONFIG is set";
    assert_eq!(found, Err(expected.to_owned()));
}

/// 1.2, 1.3, 1.5: every field, with what is unknown beside it.
#[test]
fn xds_1_2_every_field() {
    let json = json!({
        "xds_servers": [
            {
                "server_uri": "dns:///plane.example:18000",
                "channel_creds": [{ "type": "google_default" }, { "type": "insecure", "config": {} }],
                "server_features": [
                    "xds_v3", 7, { "a": 1 }, "trusted_xds_server", "fail_on_data_errors", "later"
                ],
                "later": true
            },
            { "server_uri": "unix:///run/plane.sock", "channel_creds": [{ "type": "insecure" }] }
        ],
        "node": {
            "id": "orders-7f9c",
            "cluster": "shop",
            "locality": { "region": "eu", "zone": "a", "sub_zone": "3" },
            "metadata": { "env": "prod", "rank": 3 }
        },
        "authorities": {
            "mesh": {
                "xds_servers": [
                    { "server_uri": "ipv4:192.0.2.1:80", "channel_creds": [{ "type": "insecure" }] }
                ],
                "client_listener_resource_name_template": "xdstp://mesh/L/%s",
                "fallback_on_reachability_only": true
            },
            "": {}
        },
        "client_default_listener_resource_name_template": "client/%s",
        "server_listener_resource_name_template": "server/%s",
        "allowed_grpc_services": {},
        "later": []
    });
    let features = ServerFeatures::default()
        .with_trusted_xds_server(true)
        .with_fail_on_data_errors(true);
    let metadata = json!({ "env": "prod", "rank": 3 });
    let expected = Bootstrap::new(
        ServerConfig::insecure("dns:///plane.example:18000").with_features(features),
    )
    .with_fallback(ServerConfig::insecure("unix:///run/plane.sock"))
    .with_node(
        Node::new("orders-7f9c")
            .with_cluster("shop")
            .with_locality(NodeLocality::new("eu", "a", "3"))
            .with_metadata(metadata.as_object().expect("an object").clone()),
    )
    .with_authority(
        "mesh",
        Authority::new()
            .with_server(ServerConfig::insecure("ipv4:192.0.2.1:80"))
            .with_listener_name_template("xdstp://mesh/L/%s")
            .with_fallback_on_reachability_only(true),
    )
    .with_authority("", Authority::new())
    .with_listener_name_template("client/%s");
    assert_eq!(parse(&json), Ok(expected));
}

/// 1.2: the defaults of what is absent or `null`.
#[test]
fn xds_1_2_defaults() {
    let expected = Bootstrap::new(ServerConfig::insecure("plane:18000"));
    assert_eq!(parse(&with(json!({}))), Ok(expected.clone()));
    assert_eq!(
        parse(&with(json!({ "node": null, "authorities": null }))),
        Ok(expected.clone())
    );
    assert_eq!(expected.listener_name_template, "%s");
    assert_eq!(expected.node.locality, None);
}

/// 1.2: a known field of a wrong JSON type is an error, which does not quote the value.
#[test]
fn xds_1_2_wrong_types() {
    check_fails(&json!([]), "expected an object, found an array");
    check_fails(&json!({}), "xds_servers: is missing");
    check_fails(&json!({ "xds_servers": [] }), "xds_servers: is empty");
    check_fails(
        &json!({ "xds_servers": "secret" }),
        "xds_servers: expected an array, found a string",
    );
    check_fails(
        &with(json!({ "node": { "locality": { "zone": 7 } } })),
        "node.locality.zone: expected a string, found a number",
    );
    check_fails(
        &with(json!({ "authorities": { "a": { "fallback_on_reachability_only": "yes" } } })),
        "authorities[\"a\"].fallback_on_reachability_only: expected true or false, found a string",
    );
    check_fails(
        &with(json!({ "server_listener_resource_name_template": 7 })),
        "server_listener_resource_name_template: expected a string, found a number",
    );
    check_fails(
        &with(json!({ "allowed_grpc_services": [] })),
        "allowed_grpc_services: expected an object, found an array",
    );
}

/// 1.3: a server needs a URI that this client can resolve, and supported credentials.
#[test]
fn xds_1_3_servers() {
    check_fails(
        &with_server(json!({ "server_uri": null })),
        "xds_servers[0].server_uri: is missing",
    );
    check_fails(
        &with_server(json!({ "server_uri": "" })),
        "xds_servers[0].server_uri: is empty",
    );
    check_fails(
        &with_server(json!({ "server_uri": "xds:///plane" })),
        "xds_servers[0].server_uri: is itself an xds target: a server needs an address or a name \
         to look up",
    );
    check_fails(
        &with_server(json!({ "channel_creds": null })),
        "xds_servers[0].channel_creds: is missing",
    );
    check_fails(
        &with_server(json!({ "channel_creds": [] })),
        "xds_servers[0].channel_creds: is empty",
    );
    check_fails(
        &with_server(json!({ "channel_creds": [{ "type": "google_default" }, { "type": "x" }] })),
        "xds_servers[0].channel_creds: no supported type among \"google_default\", \"x\"",
    );
    check_fails(
        &with_server(json!({ "channel_creds": [{ "config": {} }] })),
        "xds_servers[0].channel_creds[0].type: is missing",
    );
    check_fails(
        &with_server(json!({ "server_features": "xds_v3" })),
        "xds_servers[0].server_features: expected an array, found a string",
    );
    let bad = with_server(json!({ "server_uri": "dns:///plane:99999" }));
    let error = parse(&bad).expect_err("a port above 65535");
    let start = "xds bootstrap: xds_servers[0].server_uri: ";
    assert!(
        error.starts_with(start) && error.contains("99999"),
        "{error}"
    );
}

/// 1.3: the credentials of a server made from JSON with these fields.
fn server(more: Value) -> Result<ServerConfig, String> {
    parse(&with_server(more)).map(|bootstrap| (*bootstrap.servers[0]).clone())
}

/// 1.4: the config of `tls`, and the first supported type counts.
#[test]
fn xds_1_4_tls() {
    let tls = |config: Value| {
        let creds = json!([{ "type": "tls", "config": config }, { "type": "insecure" }]);
        server(json!({ "channel_creds": creds })).map(|server| server.credentials)
    };
    let files = TlsFiles::default();
    assert_eq!(files.refresh_interval, Duration::from_secs(600));
    assert_eq!(tls(Value::Null), Ok(ServerCredentials::Tls(files.clone())));
    assert_eq!(
        tls(json!({
            "ca_certificate_file": "/ca.pem",
            "certificate_file": "/cert.pem",
            "private_key_file": "/key.pem",
            "refresh_interval": "1.5s"
        })),
        Ok(ServerCredentials::Tls(
            files
                .with_ca_certificate_file("/ca.pem")
                .with_identity(IdentityFiles {
                    certificate_file: "/cert.pem".into(),
                    private_key_file: "/key.pem".into(),
                })
                .with_refresh_interval(Duration::from_millis(1500))
        ))
    );
    let place = "xds bootstrap: xds_servers[0].channel_creds[0].config";
    assert_eq!(
        tls(json!({ "certificate_file": "/cert.pem" })),
        Err(format!(
            "{place}.private_key_file: is missing: certificate_file needs it"
        ))
    );
    assert_eq!(
        tls(json!({ "private_key_file": "/key.pem" })),
        Err(format!(
            "{place}.certificate_file: is missing: private_key_file needs it"
        ))
    );
    for interval in ["0s", "-1s", "10m"] {
        let expected = "expected seconds above zero such as \"600s\"";
        assert_eq!(
            tls(json!({ "refresh_interval": interval })),
            Err(format!("{place}.refresh_interval: {expected}"))
        );
    }
}

/// 1.3, 1.4: all supported call credentials are used, unknown types are skipped, and a bad config is
/// an error.
#[test]
fn xds_1_4_call_credentials() {
    let jwt =
        |file: &str| json!({ "type": "jwt_token_file", "config": { "jwt_token_file": file } });
    let both = server(json!({ "call_creds": [jwt("/a"), { "type": "later" }, jwt("/b")] }));
    assert_eq!(
        both.map(|server| server.call_credentials),
        Ok(vec![
            ServerCallCredentials::JwtTokenFile("/a".into()),
            ServerCallCredentials::JwtTokenFile("/b".into()),
        ])
    );
    check_fails(
        &with_server(json!({ "call_creds": [{ "type": "jwt_token_file" }] })),
        "xds_servers[0].call_creds[0].config.jwt_token_file: is missing",
    );
}

/// 1.5: both spellings of the feature of gRFC A88.
#[test]
fn xds_1_5_features() {
    let features = |names: Value| server(json!({ "server_features": names })).map(|s| s.features);
    let transient = ServerFeatures::default().with_resource_timer_is_transient_error(true);
    assert_eq!(
        features(json!(["resource_timer_is_transient_error"])),
        Ok(transient)
    );
    assert_eq!(
        features(json!(["resource_timer_is_transient_failure"])),
        Ok(transient)
    );
    assert_eq!(features(json!(["xds_v3"])), Ok(ServerFeatures::default()));
}

/// 1.6: an absent or empty list of servers means the top level's.
#[test]
fn xds_1_6_servers_of_an_authority() {
    let own = ServerConfig::insecure("own:1");
    let top = ServerConfig::insecure("top:1");
    let bootstrap = Bootstrap::new(top.clone())
        .with_authority("own", Authority::new().with_server(own.clone()))
        .with_authority("", Authority::new());
    let servers = |name: AuthorityName| bootstrap.servers_of(&name).map(<[_]>::to_vec);
    let named = |name: &str| AuthorityName::Named(name.into());
    assert_eq!(
        servers(AuthorityName::Old),
        Some(vec![Arc::new(top.clone())])
    );
    assert_eq!(servers(named("")), Some(vec![Arc::new(top)]));
    assert_eq!(servers(named("own")), Some(vec![Arc::new(own)]));
    assert_eq!(servers(named("other")), None);
}

/// 1.6: a template starts with its authority, percent-encoded.
#[test]
fn xds_1_6_template_of_an_authority() {
    let template = |authority: &str, template: &str| {
        let template = json!({ "client_listener_resource_name_template": template });
        with(json!({ "authorities": { authority: template } }))
    };
    check_fails(
        &template("a", "%s"),
        "authorities[\"a\"].client_listener_resource_name_template: must start with \"xdstp://a/\"",
    );
    assert!(parse(&template("a b", "xdstp://a%20b/T/%s")).is_ok());
}

/// 6.6: the providers of certificates; an unknown plugin drops its entry.
#[test]
fn xds_6_6_certificate_providers() {
    let providers = |config: Value| {
        with(json!({ "certificate_providers": {
            "default": { "plugin_name": "file_watcher", "config": config },
            "later": { "plugin_name": "later", "config": 7 }
        }}))
    };
    let found = parse(&providers(json!({ "ca_certificate_file": "/ca.pem" })))
        .map(|bootstrap| bootstrap.certificate_providers)
        .expect("a valid bootstrap");
    let names: Vec<_> = found.keys().map(|name| &**name).collect();
    assert_eq!(names, ["default"]);
    let CertificateProvider::FileWatcher(watched) = &found["default"] else {
        panic!("it watches files: {found:?}");
    };
    let expected = TlsFiles::default().with_ca_certificate_file("/ca.pem");
    assert_eq!(
        (&watched.files, &watched.spiffe_trust_bundle_map_file),
        (&expected, &None)
    );

    check_fails(
        &providers(json!({})),
        "certificate_providers[\"default\"].config: needs certificate_file and private_key_file, \
         or ca_certificate_file",
    );
}

/// 1.8: the listener's name of a target, by the template of the bootstrap or of its authority.
#[test]
fn xds_1_8_listener_name() {
    let base = Bootstrap::new(ServerConfig::insecure("plane:18000"))
        .with_authority("mé", Authority::new())
        .with_authority(
            "mesh",
            Authority::new().with_listener_name_template(
                "xdstp://mesh/envoy.config.listener.v3.Listener/client/%s?x=%s",
            ),
        );
    let check = |template: &str, target: &str, expected: Result<&str, &str>| {
        let bootstrap = base.clone().with_listener_name_template(template);
        let target = Target::parse(target).expect("a target");
        let name = bootstrap.listener_name(&target);
        let name = name
            .map(|name| name.to_string())
            .map_err(|error| error.to_string());
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(name, expected, "{target}");
    };
    check("%s", "xds:///orders", Ok("orders"));
    check("%s", "xds:orders:80", Ok("orders:80"));
    check("%s/%s", "xds:///a%20b", Ok("a b/a b"));
    let listener = "envoy.config.listener.v3.Listener";
    check(
        &format!("xdstp://x/{listener}/%s"),
        "xds:///shop/a%25b%3Fc",
        Ok(&format!("xdstp://x/{listener}/shop/a%25b%3Fc")),
    );
    check(
        "%s",
        "xds://m%C3%A9/orders",
        Ok(&format!("xdstp://m%C3%A9/{listener}/orders")),
    );
    check(
        "%s",
        "xds://mesh/o",
        Ok(&format!("xdstp://mesh/{listener}/client/o?x=o")),
    );
    check(
        "%s",
        "xds://q/o",
        Err("authority \"q\" of the target is not in authorities (\"mesh\", \"mé\")"),
    );
    check(
        "xdstp://x/L/%s",
        "xds:///o",
        Err("name \"xdstp://x/L/o\": its type is \"L\", not \"envoy.config.listener.v3.Listener\""),
    );
}

/// 1.8: the data plane authority is the percent-encoded path, never the listener's name.
#[test]
fn xds_1_8_data_plane_authority() {
    let check = |target: &str, expected: &str| {
        assert_eq!(
            data_plane_authority(&Target::parse(target).expect("a target")),
            expected
        );
    };
    check("xds:///orders.shop:80", "orders.shop:80");
    check("xds://mesh/shop/orders%20x", "shop%2Forders%20x");
}

/// 1.9: an error names the source, and the line and the column in JSON.
#[test]
fn xds_1_9_places_of_errors() {
    let (found, _) = find(
        &[("GRPC_XDS_BOOTSTRAP", "/x.json")],
        &[("/x.json", "{\n  \"a\" 7\n}")],
    );
    let expected = "xds bootstrap /x.json: line 2, column 7: expected `:`";
    assert_eq!(found, Err(expected.to_owned()));

    let (found, _) = find(&[("GRPC_XDS_BOOTSTRAP_CONFIG", "{}")], &[]);
    let expected = "xds bootstrap GRPC_XDS_BOOTSTRAP_CONFIG: xds_servers: is missing";
    assert_eq!(found, Err(expected.to_owned()));

    let error = Bootstrap::parse("{}").expect_err("no server");
    assert_eq!(error.origin(), &BootstrapSource::Program);
}

/// 1.10: two servers are the same if all parts are; so they can be the key of a map.
#[test]
fn xds_1_10_same_servers() {
    let server = |more: Value| server(more).expect("a valid server");
    let tls = |ca: &str| {
        server(json!({ "channel_creds": [
            { "type": "tls", "config": { "ca_certificate_file": ca } }
        ]}))
    };
    let different = [
        server(json!({})),
        server(json!({ "server_uri": "other:18000" })),
        server(json!({ "server_features": ["trusted_xds_server"] })),
        server(json!({ "call_creds": [
            { "type": "jwt_token_file", "config": { "jwt_token_file": "/a" } }
        ]})),
        tls("/a.pem"),
        tls("/b.pem"),
    ];
    for (at, one) in different.iter().enumerate() {
        for (other_at, other) in different.iter().enumerate() {
            assert_eq!(one == other, at == other_at, "{one:?} {other:?}");
        }
    }
    assert_eq!(
        server(json!({ "later": 1 })),
        server(json!({ "server_features": ["later"] }))
    );
}

/// 1.7: the node as it is sent, with the features of this client.
#[test]
fn xds_1_7_node() {
    let metadata = json!({ "env": "prod", "ranks": [3, null, true, { "a": 0.5 }] });
    let node = Node::new("orders-7f9c")
        .with_cluster("shop")
        .with_locality(NodeLocality::new("eu", "a", "3"))
        .with_metadata(metadata.as_object().expect("an object").clone());
    let value = |kind| prost_types::Value { kind: Some(kind) };
    let structure = |fields: Vec<(&str, Kind)>| prost_types::Struct {
        fields: fields
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), value(kind)))
            .collect(),
    };
    let ranks = [
        Kind::NumberValue(3.0),
        Kind::NullValue(0),
        Kind::BoolValue(true),
        Kind::StructValue(structure(vec![("a", Kind::NumberValue(0.5))])),
    ];
    let ranks = prost_types::ListValue {
        values: ranks.map(value).into(),
    };
    let expected = proto::Node {
        id: "orders-7f9c".to_owned(),
        cluster: "shop".to_owned(),
        metadata: Some(structure(vec![
            ("env", Kind::StringValue("prod".to_owned())),
            ("ranks", Kind::ListValue(ranks)),
        ])),
        locality: Some(proto::Locality {
            region: "eu".to_owned(),
            zone: "a".to_owned(),
            sub_zone: "3".to_owned(),
        }),
        user_agent_name: "trunkline".to_owned(),
        client_features: vec![
            "envoy.lb.does_not_support_overprovisioning".to_owned(),
            "xds.config.resource-in-sotw".to_owned(),
        ],
        user_agent_version_type: Some(UserAgentVersionType::UserAgentVersion(
            env!("CARGO_PKG_VERSION").to_owned(),
        )),
    };
    assert_eq!(node.to_proto(), expected);

    // What is absent is not sent.
    let bare = Node::new("x").with_user_agent("mine", "7").to_proto();
    assert_eq!((bare.locality, bare.metadata), (None, None));
    assert_eq!(bare.user_agent_name, "mine");
}
