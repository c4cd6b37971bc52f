//! Each field of our messages has the number and the type of the public API.
//!
//! The messages are made from the protos of the crate `envoy-types`, decoded and encoded by our
//! types, and compared with what they were.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;
use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage, Value,
};
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use trunkline_xds_proto::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};
use trunkline_xds_proto::envoy::service::status::v3::{ClientStatusRequest, ClientStatusResponse};
use trunkline_xds_proto::{TypeUrl, envoy, type_url};

/// The messages that `envoy-types` leaves out.
/// Both are in <https://github.com/cncf/xds>.
const TYPED_STRUCTS: [&str; 2] = ["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"];

/// Decodes bytes as `M`, and encodes the message again.
type RoundTrip = fn(&[u8]) -> Result<Vec<u8>, prost::DecodeError>;

/// Returns the round trip of a message.
fn of<M: Message + Default>() -> RoundTrip {
    |bytes| M::decode(bytes).map(|message| message.encode_to_vec())
}

/// Returns the name and the round trip of a message that travels in an `Any`.
fn packed<M: TypeUrl>() -> (&'static str, RoundTrip) {
    let name = M::TYPE_URL.strip_prefix(type_url::PREFIX);
    (name.unwrap(), of::<M>())
}

/// Returns the messages from which all others are reached.
fn roots() -> Vec<(&'static str, RoundTrip)> {
    use envoy::extensions::load_balancing_policies as policies;
    vec![
        (
            "envoy.service.discovery.v3.DiscoveryRequest",
            of::<DiscoveryRequest>(),
        ),
        (
            "envoy.service.discovery.v3.DiscoveryResponse",
            of::<DiscoveryResponse>(),
        ),
        (
            "envoy.service.load_stats.v3.LoadStatsRequest",
            of::<LoadStatsRequest>(),
        ),
        (
            "envoy.service.load_stats.v3.LoadStatsResponse",
            of::<LoadStatsResponse>(),
        ),
        (
            "envoy.service.status.v3.ClientStatusRequest",
            of::<ClientStatusRequest>(),
        ),
        (
            "envoy.service.status.v3.ClientStatusResponse",
            of::<ClientStatusResponse>(),
        ),
        packed::<envoy::config::listener::v3::Listener>(),
        packed::<envoy::config::route::v3::RouteConfiguration>(),
        packed::<envoy::config::cluster::v3::Cluster>(),
        packed::<envoy::config::endpoint::v3::ClusterLoadAssignment>(),
        packed::<envoy::service::discovery::v3::Resource>(),
        packed::<
            envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
        >(),
        packed::<envoy::extensions::filters::http::router::v3::Router>(),
        packed::<envoy::extensions::filters::http::fault::v3::HttpFault>(),
        packed::<envoy::config::route::v3::FilterConfig>(),
        packed::<envoy::extensions::clusters::aggregate::v3::ClusterConfig>(),
        packed::<envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext>(),
        packed::<
            envoy::extensions::transport_sockets::http_11_proxy::v3::Http11ProxyUpstreamTransport,
        >(),
        packed::<policies::round_robin::v3::RoundRobin>(),
        packed::<policies::pick_first::v3::PickFirst>(),
        packed::<policies::ring_hash::v3::RingHash>(),
        packed::<policies::least_request::v3::LeastRequest>(),
        packed::<policies::wrr_locality::v3::WrrLocality>(),
        packed::<policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin>(),
        packed::<policies::random_subsetting::v3::RandomSubsetting>(),
    ]
}

/// Every field that our protos have survives decoding and encoding by our types, and every message of
/// our protos was reached.
#[test]
fn every_field_round_trips() {
    let ours = our_protos();
    let theirs = public_protos(&ours);
    let mut reached = BTreeSet::new();
    let mut fields = 0;
    for (name, round_trip) in roots() {
        let mut paths = Vec::new();
        let mut seen = BTreeSet::new();
        collect(
            &message(&ours, name),
            &mut Vec::new(),
            &mut seen,
            &mut paths,
        );
        reached.extend(seen);
        for path in &paths {
            let sent = along(&message(&theirs, name), path);
            let back = round_trip(&sent.encode_to_vec()).unwrap();
            let back = DynamicMessage::decode(sent.descriptor(), &*back).unwrap();
            assert!(back == sent, "{name}: {}", path.join("."));
            fields += 1;
        }
    }
    let missing: Vec<_> = ours
        .all_messages()
        .map(|message| message.full_name().to_owned())
        .filter(|name| !name.starts_with("google.protobuf."))
        .filter(|name| !TYPED_STRUCTS.contains(&name.as_str()))
        .filter(|name| !reached.contains(name))
        .filter(|name| !name.ends_with("Entry"))
        .collect();
    assert_eq!(missing, [""; 0], "no root leads to them");
    assert!(fields > 300, "only {fields} fields");
}

/// Every value of our enums has the number of the public API, and none is missing.
#[test]
fn every_enum_is_whole() {
    let ours = our_protos();
    let theirs = public_protos(&ours);
    for one in ours.all_enums() {
        if one.package_name() == "google.protobuf" {
            continue;
        }
        let other = theirs.get_enum_by_name(one.full_name()).unwrap();
        let values = |of: &prost_reflect::EnumDescriptor| -> Vec<_> {
            let values = of.values();
            values
                .map(|value| (value.name().to_owned(), value.number()))
                .collect()
        };
        assert_eq!(values(&one), values(&other), "{}", one.full_name());
    }
}

/// Compiles all protos of ours.
fn our_protos() -> DescriptorPool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../xtask/codegen/proto");
    let mut files = Vec::new();
    for package in ["envoy", "google", "udpa", "xds"] {
        find(&folder.join(package), &mut files);
    }
    let files = protox::compile(&files, [&folder]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
}

/// Compiles the files of the public API that `ours` have reduced.
fn public_protos(ours: &DescriptorPool) -> DescriptorPool {
    let folder = sources_of("envoy-types").join("proto");
    let includes = [
        "data-plane-api",
        "xds",
        "googleapis",
        "cel-spec/proto",
        "protoc-gen-validate",
        "opentelemetry-proto",
        "client_model",
    ];
    let includes = includes.map(|part| folder.join(part));
    let names: Vec<_> = ours
        .files()
        .map(|file| file.name().to_owned())
        .filter(|name| !name.starts_with("google/protobuf/"))
        .filter(|name| !name.ends_with("/typed_struct.proto"))
        .collect();
    let files: FileDescriptorSet = protox::compile(names, includes).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap()
}

/// Returns the folder with the source of a dependency.
fn sources_of(name: &str) -> PathBuf {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "cargo metadata failed");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = Path::new(package.unwrap()["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_owned()
}

/// Collects the protos below a folder.
fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn message(pool: &DescriptorPool, name: &str) -> MessageDescriptor {
    pool.get_message_by_name(name)
        .unwrap_or_else(|| panic!("no message {name}"))
}

/// Collects a path, as names of fields, to each field of each message below `message`.
fn collect(
    message: &MessageDescriptor,
    path: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
    paths: &mut Vec<Vec<String>>,
) {
    if !seen.insert(message.full_name().to_owned()) {
        return;
    }
    for field in message.fields() {
        path.push(field.name().to_owned());
        paths.push(path.clone());
        if let Some(child) = child(&field) {
            collect(&child, path, seen, paths);
        }
        path.pop();
    }
}

/// Returns the message in a field, also that of a map's values.
fn child(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = match field.kind() {
        Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
        kind => kind,
    };
    match kind {
        Kind::Message(child) if child.package_name() != "google.protobuf" => Some(child),
        _ => None,
    }
}

/// Makes a message with nothing but the field at the end of `path`.
fn along(message: &MessageDescriptor, path: &[String]) -> DynamicMessage {
    let mut made = DynamicMessage::new(message.clone());
    let Some((name, rest)) = path.split_first() else {
        return made;
    };
    let field = message
        .get_field_by_name(name)
        .unwrap_or_else(|| panic!("{} has no field {name}", message.full_name()));
    let value = if field.is_map() {
        let Kind::Message(entry) = field.kind() else {
            unreachable!("a map has entries");
        };
        let value = single(&entry.map_entry_value_field(), rest);
        Value::Map([(MapKey::String("key".to_owned()), value)].into())
    } else if field.cardinality() == Cardinality::Repeated {
        Value::List(vec![single(&field, rest)])
    } else {
        single(&field, rest)
    };
    made.set_field(&field, value);
    made
}

/// Makes a value that is not the default one of the field's type.
fn single(field: &FieldDescriptor, rest: &[String]) -> Value {
    match field.kind() {
        Kind::Message(child) => Value::Message(filled(&child, rest)),
        Kind::Enum(kind) => {
            let last = kind.values().map(|value| value.number()).max();
            Value::EnumNumber(last.unwrap())
        }
        Kind::String => Value::String("text".to_owned()),
        Kind::Bytes => Value::Bytes(vec![1, 2, 3].into()),
        Kind::Bool => Value::Bool(true),
        Kind::Double => Value::F64(1.5),
        Kind::Float => Value::F32(1.5),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(7),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(7),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(-7),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(-7),
    }
}

/// Makes the message of a field. The messages of protobuf itself have all their plain fields set.
fn filled(message: &MessageDescriptor, rest: &[String]) -> DynamicMessage {
    if message.package_name() != "google.protobuf" {
        return along(message, rest);
    }
    let mut made = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let plain = !matches!(field.kind(), Kind::Message(_)) && !field.is_list();
        if plain && field.containing_oneof().is_none() {
            made.set_field(&field, single(&field, &[]));
        }
    }
    made
}
