//! The runtime that is used when the user names none.

use trunkline_runtime::default_runtime;

/// Returns the name of the runtime after its first use here; `None` without a runtime.
fn name() -> Option<String> {
    let runtime = default_runtime()?;
    // With the feature `tokio` alone, `attach` fails outside of tokio. The default is tokio even
    // so.
    let _ = runtime.attach();
    let text = format!("{runtime:?}");
    text.split(' ').next().map(str::to_owned)
}

/// Outside of tokio the default is async-std, then smol; tokio if it is the only one.
#[test]
fn outside_of_tokio() {
    let features = [
        (cfg!(feature = "async-std"), "AsyncStd"),
        (cfg!(feature = "smol"), "Smol"),
        (cfg!(feature = "tokio"), "Tokio"),
    ];
    let mut enabled = features.into_iter().filter(|(on, _)| *on);
    let expected = enabled.next().map(|(_, name)| name);
    assert_eq!(name().as_deref(), expected);
}

/// Where a tokio runtime is current, the default is tokio, whatever other features are on.
#[cfg(feature = "tokio")]
#[test]
fn inside_of_tokio() {
    let tokio = tokio::runtime::Builder::new_current_thread().build();
    let tokio = tokio.expect("a tokio runtime");
    let name = tokio.block_on(async { name() });
    assert_eq!(name.as_deref(), Some("Tokio"));
}

/// Creating and printing the default runtime does not choose one yet.
#[cfg(all(feature = "tokio", feature = "async-std"))]
#[test]
fn it_is_decided_at_the_first_use() {
    let runtime = default_runtime().expect("a runtime");
    assert_eq!(format!("{runtime:?}"), "decided at the first call");
}

/// The default runtime knows the network interfaces, as each runtime does: it passes every method on.
#[cfg(all(
    target_os = "linux",
    any(feature = "async-std", feature = "smol", feature = "tokio")
))]
#[test]
fn interfaces_are_known() {
    let runtime = default_runtime().expect("a runtime");
    let index = runtime.interface_index("lo").expect("a loopback interface");
    assert!(index > 0, "{index}");
}

/// Two default runtimes are one once they are used, so channels with them share what runs on it.
#[cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]
#[test]
fn defaults_are_one_runtime() {
    let defaults = || {
        let pair = [(); 2].map(|()| default_runtime().expect("a runtime"));
        for runtime in &pair {
            // Fails outside of tokio with the feature `tokio` alone.
            let _ = runtime.attach();
        }
        pair
    };
    let [one, other] = defaults();
    let has_global = cfg!(any(feature = "async-std", feature = "smol"));
    assert_eq!(one.is_same_as(&*other), has_global);

    #[cfg(feature = "tokio")]
    {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a tokio runtime");
        let [here, there] = tokio.block_on(async { defaults() });
        assert!(here.is_same_as(&*there));
        assert!(!here.is_same_as(&*one));
    }
}
