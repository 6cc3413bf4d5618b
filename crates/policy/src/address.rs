//! Which IP addresses may be fetched from: the public ones only. A page address is input from
//! outside, and the crawler runs inside: whatever is reachable only from here (cloud metadata, the
//! database, a router's front end) must not be reachable through it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why `address` may not be fetched from, or `None` for a public address.
///
/// Takes an IPv4 or IPv6 address as a DNS answer gives it; brackets around IPv6 are tolerated.
/// Anything else is refused too.
///
/// ```
/// use pageperfect_policy::address::check_address;
/// assert_eq!(check_address("93.184.215.14"), None);
/// assert_eq!(check_address("10.0.0.1"), Some("a private address (10.0.0.0/8)"));
/// assert_eq!(check_address("::ffff:10.0.0.1"), Some("an IPv4 address in IPv6 form (::ffff:0:0/96)"));
/// ```
pub fn check_address(address: &str) -> Option<&'static str> {
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(address);
    match bare.parse() {
        Ok(IpAddr::V4(ip)) => check_ipv4(ip),
        Ok(IpAddr::V6(ip)) => check_ipv6(ip),
        Err(_) => Some("not an IP address"),
    }
}

/// The IANA special-purpose registry, multicast and reserved space, and one address that is public
/// by its number only.
const REFUSED_IPV4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "an address of this network (0.0.0.0/8)"),
    ([10, 0, 0, 0], 8, "a private address (10.0.0.0/8)"),
    (
        [100, 64, 0, 0],
        10,
        "a carrier's private address (100.64.0.0/10)",
    ),
    ([127, 0, 0, 0], 8, "a loopback address (127.0.0.0/8)"),
    (
        [168, 63, 129, 16],
        32,
        "a cloud metadata address (168.63.129.16)",
    ),
    (
        [169, 254, 0, 0],
        16,
        "a link-local or cloud metadata address (169.254.0.0/16)",
    ),
    ([172, 16, 0, 0], 12, "a private address (172.16.0.0/12)"),
    ([192, 0, 0, 0], 24, "a protocol assignment (192.0.0.0/24)"),
    ([192, 0, 2, 0], 24, "a documentation address (192.0.2.0/24)"),
    ([192, 88, 99, 0], 24, "a 6to4 relay (192.88.99.0/24)"),
    ([192, 168, 0, 0], 16, "a private address (192.168.0.0/16)"),
    ([198, 18, 0, 0], 15, "a benchmark address (198.18.0.0/15)"),
    (
        [198, 51, 100, 0],
        24,
        "a documentation address (198.51.100.0/24)",
    ),
    (
        [203, 0, 113, 0],
        24,
        "a documentation address (203.0.113.0/24)",
    ),
    ([224, 0, 0, 0], 4, "a multicast address (224.0.0.0/4)"),
    ([240, 0, 0, 0], 4, "a reserved address (240.0.0.0/4)"),
];

/// Addresses that wrap an IPv4 address are refused whatever they wrap: no site is published that
/// way, and a translator or tunnel on the way would undo the check.
const REFUSED_IPV6: &[([u16; 8], u32, &str)] = &[
    (
        [0, 0, 0, 0, 0, 0, 0, 0],
        128,
        "the unspecified address (::)",
    ),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "the loopback address (::1)"),
    (
        [0, 0, 0, 0, 0, 0xffff, 0, 0],
        96,
        "an IPv4 address in IPv6 form (::ffff:0:0/96)",
    ),
    (
        [0, 0, 0, 0, 0, 0, 0, 0],
        96,
        "an IPv4 address in IPv6 form (::/96)",
    ),
    (
        [0x64, 0xff9b, 0, 0, 0, 0, 0, 0],
        96,
        "a NAT64 address (64:ff9b::/96)",
    ),
    (
        [0x64, 0xff9b, 1, 0, 0, 0, 0, 0],
        48,
        "a NAT64 address (64:ff9b:1::/48)",
    ),
    (
        [0x100, 0, 0, 0, 0, 0, 0, 0],
        64,
        "a discard address (100::/64)",
    ),
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        32,
        "a Teredo address (2001::/32)",
    ),
    (
        [0x2001, 2, 0, 0, 0, 0, 0, 0],
        48,
        "a benchmark address (2001:2::/48)",
    ),
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "a protocol assignment (2001::/23)",
    ),
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        "a documentation address (2001:db8::/32)",
    ),
    (
        [0x2002, 0, 0, 0, 0, 0, 0, 0],
        16,
        "a 6to4 address (2002::/16)",
    ),
    (
        [0x3fff, 0, 0, 0, 0, 0, 0, 0],
        20,
        "a documentation address (3fff::/20)",
    ),
    (
        [0xfc00, 0, 0, 0, 0, 0, 0, 0],
        7,
        "a private address (fc00::/7)",
    ),
    (
        [0xfe80, 0, 0, 0, 0, 0, 0, 0],
        10,
        "a link-local address (fe80::/10)",
    ),
    (
        [0xfec0, 0, 0, 0, 0, 0, 0, 0],
        10,
        "a site-local address (fec0::/10)",
    ),
    (
        [0xff00, 0, 0, 0, 0, 0, 0, 0],
        8,
        "a multicast address (ff00::/8)",
    ),
];

fn check_ipv4(ip: Ipv4Addr) -> Option<&'static str> {
    let matches = |network: [u8; 4], length: u32| {
        (ip.to_bits() ^ Ipv4Addr::from(network).to_bits()) >> (32 - length) == 0
    };
    REFUSED_IPV4
        .iter()
        .find(|(network, length, _)| matches(*network, *length))
        .map(|(.., reason)| *reason)
}

fn check_ipv6(ip: Ipv6Addr) -> Option<&'static str> {
    let matches = |network: [u16; 8], length: u32| {
        (ip.to_bits() ^ Ipv6Addr::from(network).to_bits()) >> (128 - length) == 0
    };
    let listed = REFUSED_IPV6
        .iter()
        .find(|(network, length, _)| matches(*network, *length));
    // Only 2000::/3 is handed out to anyone; the rest is reserved.
    let global = ip.segments()[0] >> 13 == 1;
    listed
        .map(|(.., reason)| *reason)
        .or((!global).then_some("a reserved address"))
}
