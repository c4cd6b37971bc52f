//! Codes that a control plane may not use:
//! [gRFC A54](https://github.com/grpc/proposal/blob/master/A54-restrict-control-plane-status-codes.md).

use trunkline_status::{Code, Status};

/// The eight codes that only a server may use become `INTERNAL`, and the new message contains the
/// old code and message. All other codes are kept.
#[test]
fn restricted_codes() {
    let restricted = [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::DataLoss,
    ];
    for number in 0..=16 {
        let code = Code::from_number(number).expect("a code");
        let status = Status::new(code, "no such cluster");
        let after = status.clone().restricted_to_control_plane();
        if restricted.contains(&code) {
            assert_eq!(after.code(), Code::Internal);
            assert!(after.message().contains(code.name()), "{after}");
            assert!(after.message().ends_with(": no such cluster"), "{after}");
        } else {
            assert_eq!(after, status);
        }
    }
}

/// `Display` prints the code, and the message if there is one.
#[test]
fn printing() {
    assert_eq!(
        Status::unavailable("refused").to_string(),
        "UNAVAILABLE: refused"
    );
    assert_eq!(Status::new(Code::Aborted, "").to_string(), "ABORTED");
    let more = Status::internal("x").map_message(|text| format!("{text}, y"));
    assert_eq!(more, Status::internal("x, y".to_owned()));
}
