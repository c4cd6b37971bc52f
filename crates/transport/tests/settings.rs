//! The settings that a client sends.
//!
//! Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;

use futures_io::AsyncRead;
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{HttpOptions, handshake};

const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;

/// Reads this number of bytes.
async fn read(stream: &mut (impl AsyncRead + Unpin), len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let read = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut bytes[filled..]));
        filled += read.await.expect("more bytes");
    }
    bytes
}

/// The SETTINGS that the server receives have the caller's limit of header lists, although h2 gets
/// a higher one.
#[test]
fn the_header_limit_is_the_callers() {
    for limit in [1024 * 1024, 8_000, u32::MAX] {
        let sim = Sim::new(1);
        let address = SocketAddr::from(([198, 51, 100, 1], 1));
        let mut listener = sim.net().listen(address).expect("a free address");
        let runtime = sim.runtime();
        let mut options = HttpOptions::default();
        options.max_header_list = limit;
        let clock = sim.runtime();
        sim.spawn("client", async move {
            let stream = clock.connect_tcp(address, &TcpOptions::default()).await;
            let stream = stream.expect("a stream");
            let _ = handshake(stream, &options, runtime, |_| ()).await;
        });
        let settings = sim.run(async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            read(&mut stream, PREFACE).await;
            let header = read(&mut stream, FRAME_HEADER).await;
            let len = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            read(&mut stream, len as usize).await
        });
        let mut settings = settings.chunks(6);
        let announced = settings.find(|setting| setting[..2] == [0, 6]);
        let announced = announced.expect("a limit of header lists");
        assert_eq!(announced[2..], limit.to_be_bytes());
    }
}
