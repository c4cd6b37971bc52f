//! Conditions on texts, paths and headers.

use trunkline_xds_proto::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use trunkline_xds_proto::envoy::config::route::v3::route_match::PathSpecifier;
use trunkline_xds_proto::envoy::config::route::v3::{self as proto, RouteMatch};
use trunkline_xds_proto::envoy::r#type::matcher::v3 as matcher;
use trunkline_xds_proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;

use crate::core::resources::call_match::{HeaderCondition, HeaderMatcher, PathMatcher};
use crate::core::resources::fault::{Faults, Place};
use crate::core::resources::matcher::{Pattern, StringMatcher};
use crate::core::resources::patterns::Patterns;

/// Decodes a condition on a text.
pub(in crate::core::resources) fn string(
    message: matcher::StringMatcher,
    place: &Place<'_>,
    faults: &mut Faults,
    patterns: &mut Patterns,
) -> Option<StringMatcher> {
    let ignore_case = message.ignore_case;
    let mut not_empty = |text, field| not_empty(text, &place.field(field), faults);
    Some(match message.match_pattern {
        Some(MatchPattern::Exact(text)) => StringMatcher::Exact {
            text: text.into(),
            ignore_case,
        },
        Some(MatchPattern::Prefix(text)) => StringMatcher::Prefix {
            text: not_empty(text, "prefix")?,
            ignore_case,
        },
        Some(MatchPattern::Suffix(text)) => StringMatcher::Suffix {
            text: not_empty(text, "suffix")?,
            ignore_case,
        },
        Some(MatchPattern::Contains(text)) => StringMatcher::Contains {
            text: not_empty(text, "contains")?,
            ignore_case,
        },
        Some(MatchPattern::SafeRegex(message)) => StringMatcher::Regex(regex(
            &message,
            &place.field("safe_regex"),
            faults,
            patterns,
        )?),
        None => {
            faults.add(place, "unsupported matcher");
            return None;
        }
    })
}

/// Returns a text that is not empty: an empty one would match everything.
fn not_empty(text: String, place: &Place<'_>, faults: &mut Faults) -> Option<Box<str>> {
    if text.is_empty() {
        faults.add(place, "is empty");
        return None;
    }
    Some(text.into())
}

fn regex(
    message: &matcher::RegexMatcher,
    place: &Place<'_>,
    faults: &mut Faults,
    patterns: &mut Patterns,
) -> Option<Pattern> {
    let compiled = patterns.compile(&message.regex);
    let fault = |text: String| faults.add(&place.field("regex"), text);
    compiled.map_err(fault).ok()
}

/// Decodes the condition on the path.
pub(super) fn path(
    message: &mut RouteMatch,
    place: &Place<'_>,
    faults: &mut Faults,
    patterns: &mut Patterns,
) -> Option<PathMatcher> {
    let ignore_case = !message.case_sensitive.unwrap_or(true);
    match message.path_specifier.take() {
        // Every path starts with a slash.
        Some(PathSpecifier::Prefix(text)) => Some(PathMatcher::Prefix {
            text: text.into(),
            ignore_case,
        }),
        Some(PathSpecifier::Path(text)) => Some(PathMatcher::Exact {
            text: text.into(),
            ignore_case,
        }),
        Some(PathSpecifier::SafeRegex(message)) => {
            let place = place.field("safe_regex");
            regex(&message, &place, faults, patterns).map(PathMatcher::Regex)
        }
        None => {
            faults.add(place, "no supported path specifier");
            None
        }
    }
}

/// Decodes a condition on a header.
pub(super) fn header(
    message: proto::HeaderMatcher,
    place: &Place<'_>,
    faults: &mut Faults,
    patterns: &mut Patterns,
) -> Option<HeaderMatcher> {
    let (text, ignore_case) = (HeaderCondition::Text, false);
    let mut not_empty = |text, field| not_empty(text, &place.field(field), faults);
    let condition = match message.header_match_specifier {
        Some(HeaderMatchSpecifier::ExactMatch(value)) => text(StringMatcher::Exact {
            text: value.into(),
            ignore_case,
        }),
        Some(HeaderMatchSpecifier::PrefixMatch(value)) => text(StringMatcher::Prefix {
            text: not_empty(value, "prefix_match")?,
            ignore_case,
        }),
        Some(HeaderMatchSpecifier::SuffixMatch(value)) => text(StringMatcher::Suffix {
            text: not_empty(value, "suffix_match")?,
            ignore_case,
        }),
        Some(HeaderMatchSpecifier::ContainsMatch(value)) => text(StringMatcher::Contains {
            text: not_empty(value, "contains_match")?,
            ignore_case,
        }),
        Some(HeaderMatchSpecifier::SafeRegexMatch(value)) => {
            let place = place.field("safe_regex_match");
            text(StringMatcher::Regex(regex(
                &value, &place, faults, patterns,
            )?))
        }
        Some(HeaderMatchSpecifier::StringMatch(value)) => text(string(
            value,
            &place.field("string_match"),
            faults,
            patterns,
        )?),
        Some(HeaderMatchSpecifier::RangeMatch(range)) => HeaderCondition::Range {
            start: range.start,
            end: range.end,
        },
        Some(HeaderMatchSpecifier::PresentMatch(expected)) => HeaderCondition::Present(expected),
        None => {
            faults.add(place, "unsupported matcher");
            return None;
        }
    };
    Some(HeaderMatcher {
        name: message.name.to_ascii_lowercase().into(),
        condition,
        invert: message.invert_match,
    })
}
