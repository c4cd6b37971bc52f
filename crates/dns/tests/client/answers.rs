//! Which records of a reply are used.

use trunkline_dns::{LookupErrorKind, ServerOutcome};

use crate::message::{A, AAAA, Asked, CNAME, Message, SRV, TXT, ip4, ip6, ms, srv, v6, wire};
use crate::sim::Sim;
use crate::support::{ONE, check, check4, client, config, lookup4, one, outcomes, two};

/// A CNAME chain is followed within the message, in any order of its records.
#[test]
fn chains_come_in_any_order() {
    let (sim, client) = one(|asked| {
        asked
            .reply()
            .answer("c.test.", A, 300, &[192, 0, 2, 1])
            .cname("B.test.", 300, "c.test.")
            .cname("a.TEST.", 300, "b.test.")
            .after(1)
    });
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(answer.addresses[0].to_string(), ip4(1));
    assert_eq!(answer.canonical.expect("a name").to_string(), "c.test.");
    assert_eq!(sim.seen().len(), 1);
}

/// Sixteen CNAMEs are followed. With seventeen the reply is malformed, and shows nothing about the
/// name: the server is asked once more, as after any failure.
#[test]
fn chains_have_a_limit() {
    for (length, fine) in [(16, true), (17, false)] {
        let (sim, client) = one(move |asked| {
            let name = |at: usize| {
                if at == 0 {
                    "a.test.".into()
                } else {
                    format!("n{at}.test.")
                }
            };
            (0..length)
                .fold(asked.reply(), |message, at| {
                    message.cname(&name(at), 300, &name(at + 1))
                })
                .answer(&name(length), A, 300, &[192, 0, 2, 1])
                .after(1)
        });
        if fine {
            check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
            assert_eq!(sim.seen().len(), 1);
        } else {
            check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
        }
    }
}

/// A reply with a loop is malformed, and shows nothing about the name, also as NXDOMAIN. The names of
/// the loop are not asked for.
#[test]
fn loops_end_at_once() {
    for targets in [
        &["a.test."][..],
        &["b.test.", "a.test."],
        &["b.test.", "c.test.", "b.test."],
    ] {
        let (sim, client) = one(move |asked| {
            let owners = ["a.test."].into_iter().chain(targets.iter().copied());
            owners
                .zip(targets)
                .fold(asked.reply(), |message, (owner, target)| {
                    message.cname(owner, 300, target)
                })
                .after(1)
        });
        let error = lookup4(&sim, &client, "a.test.").expect_err("a loop");
        assert_eq!(error.kind(), LookupErrorKind::Unavailable);
        assert!(error.to_string().contains("loop"), "{error}");
        assert!(sim.seen().iter().all(|seen| seen.asked.name == "a.test."));
    }
    let (sim, client) = one(|asked| {
        let reply = asked.reply().cname("a.test.", 300, "a.test.");
        reply.rcode(3).after(1)
    });
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::Unavailable));
}

/// A CNAME without records of its target is "no data"; the target is not asked for.
#[test]
fn a_chain_without_data_is_no_data() {
    let (sim, client) = one(|asked| asked.reply().cname("a.test.", 300, "b.test.").after(1));
    check4(&sim, &client, "a.test.", Err(LookupErrorKind::NoData));
    assert_eq!(sim.seen().len(), 1);
}

/// The chain is followed for SRV too.
#[test]
fn srv_follows_the_chain() {
    let (sim, client) = one(|asked| {
        asked
            .reply()
            .cname("_grpc._tcp.a.test.", 300, "b.test.")
            .answer("b.test.", SRV, 300, &srv(1, 2, 3, "host.test."))
            .after(1)
    });
    let answer = sim
        .run(client.lookup_srv("_grpc._tcp.a.test."))
        .expect("an answer");
    assert_eq!(answer.records[0].target.to_string(), "host.test.");
}

/// NXDOMAIN counts as NXDOMAIN whatever records the reply has, also at the end of a chain.
#[test]
fn nxdomain_with_records_is_nxdomain() {
    let (sim, client) = one(|asked| match &*asked.name {
        "a.test." => asked.address(6).rcode(3).after(1),
        _ => asked
            .reply()
            .cname(&asked.name, 300, "gone.test.")
            .rcode(3)
            .soa("test.", 60, 60)
            .after(1),
    });
    check(&sim, &client, "a.test.", Err(LookupErrorKind::NotFound));
    check(&sim, &client, "b.test.", Err(LookupErrorKind::NotFound));
}

/// The data of an A record has exactly 4 bytes, that of an AAAA record 16. Only the class IN
/// counts.
#[test]
fn addresses_have_their_length() {
    for (code, lengths) in [(A, [0, 3, 5, 16]), (AAAA, [0, 4, 15, 17])] {
        for length in lengths {
            let (sim, client) = two(
                move |asked| {
                    if asked.code == code {
                        let reply = asked.reply();
                        let data = vec![6; length];
                        reply.answer(&asked.name, code, 300, &data).after(1)
                    } else {
                        asked.address(1).after(1)
                    }
                },
                |asked| asked.address(2).after(1),
            );
            match code {
                A => check(&sim, &client, "a.test.", Ok(&[&ip4(2), &ip6(1)])),
                _ => check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(2)])),
            }
        }
    }
    for class in [3, 4, 255, 0x1234] {
        let (sim, client) = one(move |asked| {
            asked
                .reply()
                .answer_of_class(class, &asked.name, A, &[6, 6, 6, 6])
                .after(1)
        });
        check4(&sim, &client, "a.test.", Err(LookupErrorKind::NoData));
    }
}

/// A malformed record of the type that was asked for is a failure of the server; one of another
/// type is ignored.
#[test]
fn malformed_records() {
    let (sim, client) = one(|asked| {
        let message = asked.address(1);
        // A CAA record that is cut off, an empty HTTPS record, an unknown type, an A record where
        // AAAA was asked for.
        [
            (257, &b"\x00"[..]),
            (65, b""),
            (65_280, b"x"),
            (A ^ AAAA ^ asked.code, b"12"),
        ]
        .into_iter()
        .fold(message, |message, (code, data)| {
            message.answer(&asked.name, code, 300, data)
        })
        .additional(&asked.name, 65, b"\xff")
        .after(1)
    });
    check(&sim, &client, "a.test.", Ok(&[&ip4(1), &ip6(1)]));

    let (sim, client) = two(
        |asked| {
            asked
                .address(1)
                .answer(&asked.name, A, 300, &[1, 2, 3])
                .after(1)
        },
        |asked| asked.address(2).after(1),
    );
    let answer = lookup4(&sim, &client, "a.test.").expect("an answer");
    assert_eq!(answer.addresses[0].to_string(), ip4(2));
    let bad = ServerOutcome::Malformed("the data of a record is malformed");
    assert_eq!(
        outcomes(&answer.attempts),
        [bad, ServerOutcome::Answered(1)]
    );
}

/// Where the CNAME record of the name cannot be read, the server has failed: the reply does not
/// mean "no data".
#[test]
fn a_malformed_cname_is_a_failure() {
    for target in [&b""[..], b"\x01b", b"\xc0\xff", b"\x01b\0more"] {
        let (sim, client) = two(
            |asked| {
                asked
                    .reply()
                    .answer(&asked.name, CNAME, 300, target)
                    .after(1)
            },
            |asked| asked.address(2).after(1),
        );
        check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
        // It is ignored beside records of the name, and where another name owns it.
        let (sim, client) = one(|asked| {
            asked
                .address(1)
                .answer(&asked.name, CNAME, 300, target)
                .answer("b.test.", CNAME, 300, target)
                .after(1)
        });
        check4(&sim, &client, "a.test.", Ok(&[&ip4(1)]));
    }
}

/// A message with more foreign records than are examined is a failure too.
#[test]
fn what_is_not_looked_at_is_no_verdict() {
    fn foreign(asked: &Asked, count: u16, code: u16, data: &[u8]) -> Message {
        (0..count).fold(asked.reply(), |message, n| {
            message.answer(&format!("n{n}.test."), code, 300, data)
        })
    }
    let broken: [fn(&Asked) -> Message; 2] = [
        |asked| foreign(asked, 300, A, &[6, 6, 6, 6]).answer(&asked.name, A, 300, &[6, 6, 6, 6]),
        |asked| foreign(asked, 40, CNAME, b"\x01b\0").cname(&asked.name, 300, "b."),
    ];
    for broken in broken {
        let (sim, client) = two(
            move |asked| broken(asked).after(1),
            |asked| asked.address(2).after(1),
        );
        check4(&sim, &client, "a.test.", Ok(&[&ip4(2)]));
    }
}

/// SRV records keep priority, weight and port; addresses of the additional section are not used.
#[test]
fn srv_records() {
    let (sim, client) = one(|asked| {
        asked
            .reply()
            .answer(&asked.name, SRV, 60, &srv(10, 5, 443, "One.test."))
            .answer(&asked.name, SRV, 30, &srv(0, 0, 80, "two.test."))
            .additional("one.test.", A, &[6, 6, 6, 6])
            .after(1)
    });
    let answer = sim
        .run(client.lookup_srv("_grpc._tcp.a.test."))
        .expect("an answer");
    let records: Vec<_> = answer
        .records
        .iter()
        .map(|srv| (srv.priority, srv.weight, srv.port, srv.target.to_string()))
        .collect();
    let expected = [
        (10, 5, 443, "One.test.".into()),
        (0, 0, 80, "two.test.".into()),
    ];
    assert_eq!(records, expected);
    assert_eq!(answer.ttl.as_secs(), 30);
    assert_eq!(sim.seen().len(), 1);
}

/// A target of "." means that there is no such service (RFC 2782).
#[test]
fn srv_may_declare_absence() {
    let (sim, client) = one(|asked| {
        asked
            .reply()
            .answer(&asked.name, SRV, 60, &srv(0, 0, 0, "."))
            .after(1)
    });
    let error = sim
        .run(client.lookup_srv("_grpc._tcp.a.test."))
        .expect_err("absent");
    assert_eq!(error.kind(), LookupErrorKind::NoData);
    assert!(error.summary().contains("the target \".\""), "{error}");
}

/// The error of an alias names the chain to its end, which is what is missing, also where the answer
/// comes from the cache.
#[test]
fn aliases_to_nowhere() {
    let find = |length: usize, rcode: u8, expected: &str| {
        let sim = Sim::new();
        sim.server(ONE, move |asked| {
            let name = |at: usize| match at {
                0 => "a.test.".to_owned(),
                at => format!("n{at}.test."),
            };
            let reply = (0..length).fold(asked.reply().rcode(rcode), |message, at| {
                message.cname(&name(at), 300, &name(at + 1))
            });
            reply.soa("test.", 300, 300).after(1)
        });
        let client = client(&sim, config(&[ONE]).cache(10));
        for _ in 0..2 {
            let error = lookup4(&sim, &client, "a.test.").expect_err("nothing");
            assert!(error.summary().starts_with(expected), "{error}");
            assert_eq!(error.aliases().len(), length + 1);
        }
        assert_eq!(sim.seen().len(), 1);
    };
    let missing =
        "the name a.test. is an alias of a name that does not exist: a.test. is an alias of ";
    find(1, 3, &format!("{missing}n1.test."));
    find(
        2,
        3,
        &format!("{missing}n1.test., which is an alias of n2.test."),
    );
    find(
        12,
        3,
        &format!(
            "{missing}n1.test., which is an alias of n2.test., which is an alias of n3.test., \
             which leads over 8 more to n12.test."
        ),
    );
    let empty =
        "the name a.test. has no records of the type asked for: a.test. is an alias of n1.test.";
    find(1, 0, empty);
}

/// An SRV record that is cut off, or whose target does not end where the record ends, is a failure
/// of the server.
#[test]
fn malformed_srv() {
    let whole = srv(1, 1, 1, "a.test.");
    let longer = [&whole[..], b"x"].concat();
    for data in [
        &whole[..6],
        &whole[..whole.len() - 1],
        &longer,
        b"\0\0",
        b"\0\0\0\0\0\0\xc0\xff",
    ] {
        let data = data.to_vec();
        let (sim, client) =
            one(move |asked| asked.reply().answer(&asked.name, SRV, 60, &data).after(1));
        let error = sim
            .run(client.lookup_srv("_grpc._tcp.a.test."))
            .expect_err("malformed");
        assert_eq!(error.kind(), LookupErrorKind::Unavailable);
    }
}

/// The strings of one TXT record are joined without a separator; records are not joined (gRFC A2).
#[test]
fn txt_records() {
    let (sim, client) = one(|asked| {
        asked
            .reply()
            .answer(&asked.name, TXT, 60, b"\x0dgrpc_config=[\x01]")
            .answer(&asked.name, TXT, 60, b"\x05other")
            .answer(&asked.name, TXT, 60, b"\0")
            .after(1)
    });
    let answer = sim
        .run(client.lookup_txt("_grpc_config.a.test."))
        .expect("an answer");
    assert_eq!(answer.records, [&b"grpc_config=[]"[..], b"other", b""]);
}

/// The parameters of HTTPS records are read (RFC 9460). An unknown parameter is ignored; where it
/// is mandatory, the record is ignored.
#[test]
fn https_records() {
    let param = |key: u16, value: &[u8]| {
        let length = u16::try_from(value.len()).expect("short");
        [&key.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    };
    let record = |priority: u8, target: &str, params: &[Vec<u8>]| {
        [&[0, priority][..], &wire(target), &params.concat()].concat()
    };
    let full = record(
        1,
        "svc.test.",
        &[
            param(0, &[0, 1, 0, 3]),
            param(1, b"\x02h2\x02h3"),
            param(2, b""),
            param(3, &[0x20, 0xfb]),
            param(4, &[192, 0, 2, 1, 192, 0, 2, 2]),
            param(5, b"ech"),
            param(6, &v6(1)),
            param(700, b"x"),
        ],
    );
    let foreign = record(2, ".", &[param(0, &[2, 188]), param(700, b"x")]);
    let alias = record(0, "alias.test.", &[]);
    let (sim, client) = one(move |asked| {
        [&full, &foreign, &alias]
            .into_iter()
            .fold(asked.reply(), |message, data| {
                message.answer(&asked.name, 65, 60, data)
            })
            .after(1)
    });
    let answer = sim.run(client.lookup_https("a.test.")).expect("an answer");
    let [one, two] = &answer.records[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (one.priority, one.port, one.no_default_alpn),
        (1, Some(8443), true)
    );
    assert_eq!(one.alpn().collect::<Vec<_>>(), [b"h2", b"h3"]);
    assert_eq!(one.ipv4_hints.len(), 2);
    assert_eq!(one.ipv6_hints[0].to_string(), ip6(1));
    assert_eq!(one.ech.as_deref(), Some(&b"ech"[..]));
    assert_eq!(
        (two.priority, two.target.to_string()),
        (0, "alias.test.".into())
    );

    let bad: [&[Vec<u8>]; 14] = [
        &[vec![0]],
        &[vec![0, 3, 0, 9, 1]],
        &[param(3, &[1])],
        &[param(3, &[1, 2, 3])],
        &[param(4, &[1, 2, 3])],
        &[param(4, &[])],
        &[param(6, &[1; 15])],
        &[param(1, b"")],
        &[param(1, b"\x05h2")],
        &[param(1, b"\0")],
        &[param(2, b"x")],
        &[param(2, b"")],
        &[param(3, &[1, 2]), param(3, &[1, 2])],
        &[param(0, &[0, 3])],
    ];
    for params in bad {
        let data = record(1, "svc.test.", params);
        let (sim, client) = one_with(65, data);
        let error = sim
            .run(client.lookup_https("a.test."))
            .expect_err("malformed");
        assert_eq!(error.kind(), LookupErrorKind::Unavailable, "{params:?}");
    }
}

fn one_with(code: u16, data: Vec<u8>) -> (Sim, trunkline_dns::io::Client) {
    one(move |asked| asked.reply().answer(&asked.name, code, 60, &data).after(1))
}

/// Names from a server may be hostile: they print escaped, and such a text is no name to look up.
#[test]
fn names_print_escaped() {
    let (sim, client) = one(|asked| {
        let hostile = b"\x05a.b\n\0\x02\\\"\x04test\0";
        let data = [&[0, 0, 0, 0, 0, 0][..], hostile].concat();
        asked.reply().answer(&asked.name, SRV, 60, &data).after(1)
    });
    let answer = sim
        .run(client.lookup_srv("_grpc._tcp.a.test."))
        .expect("an answer");
    let target = answer.records[0].target.to_string();
    assert_eq!(target, r#"a\.b\010\000.\\".test."#);
    let error = lookup4(&sim, &client, &target).expect_err("no name to look up");
    assert_eq!(error.kind(), LookupErrorKind::InvalidName);
    assert!(sim.elapsed() < ms(10));
}
