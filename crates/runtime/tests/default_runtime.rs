//! The runtime that is used where the user names none.

use trunkline_runtime::default_runtime;

/// The default is async-std, then smol, then tokio: the first whose feature is on.
#[test]
fn the_first_feature_wins() {
    let features = [
        (cfg!(feature = "async-std"), "AsyncStd"),
        (cfg!(feature = "smol"), "Smol"),
        (cfg!(feature = "tokio"), "Tokio"),
    ];
    let mut enabled = features.into_iter().filter(|(on, _)| *on);
    let expected = enabled.next().map(|(_, name)| name);
    let runtime = default_runtime().map(|runtime| format!("{runtime:?}"));
    let name = runtime.as_deref().and_then(|text| text.split(' ').next());
    assert_eq!(name, expected);
}
