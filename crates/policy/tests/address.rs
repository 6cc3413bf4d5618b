use std::net::{Ipv4Addr, Ipv6Addr};

use pageperfect_policy::address::check_address;
use proptest::prelude::*;

/// First and last address of each refused IPv4 network.
const REFUSED_IPV4: &[(&str, &str)] = &[
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
];

fn bits(address: &str) -> u32 {
    address.parse::<Ipv4Addr>().unwrap().to_bits()
}

#[test]
fn networks_are_refused_from_their_first_to_their_last_address_and_no_further() {
    for (first, last) in REFUSED_IPV4 {
        assert!(check_address(first).is_some(), "{first}");
        assert!(check_address(last).is_some(), "{last}");
        for neighbour in [bits(first).checked_sub(1), bits(last).checked_add(1)]
            .into_iter()
            .flatten()
        {
            let neighbour = Ipv4Addr::from_bits(neighbour).to_string();
            assert_eq!(check_address(&neighbour), None, "{neighbour}");
        }
    }
}

#[test]
fn ipv6_addresses() {
    for (address, refused) in [
        ("::", true),
        ("::1", true),
        ("::2", true),
        ("::ffff:8.8.8.8", true),
        ("::ffff:0:8.8.8.8", true),
        ("::8.8.8.8", true),
        ("64:ff9b::8.8.8.8", true),
        ("64:ff9b:1::1", true),
        ("100::1", true),
        ("2001::1", true),
        ("2001:2::1", true),
        ("2001:10::1", true),
        ("2001:1ff:ffff::1", true),
        ("2001:db8::1", true),
        ("2002:a00:1::", true),
        ("3fff:fff::1", true),
        ("5f00::1", true),
        ("fc00::1", true),
        ("fdff::1", true),
        ("fe80::1", true),
        ("febf::1", true),
        ("fec0::1", true),
        ("ff02::fb", true),
        ("1fff::1", true),
        ("4000::1", true),
        ("2000::1", false),
        ("2001:200::1", false),
        ("2001:4860:4860::8888", false),
        ("2001:db7::1", false),
        ("2003::1", false),
        ("2606:4700::1111", false),
        ("2a00:1450:4001::200e", false),
        ("3fff:1000::1", false),
        ("[2606:4700::1111]", false),
        ("[::1]", true),
    ] {
        assert_eq!(check_address(address).is_some(), refused, "{address}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        " ",
        "localhost",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "010.0.0.1",
        "1.2.3.4:80",
        "fe80::1%eth0",
        "[1.2.3.4",
        "8.8.8.8 ",
        "example.com.",
    ] {
        assert_eq!(check_address(text), Some("not an IP address"), "{text:?}");
    }
}

#[test]
fn the_reason_names_the_network() {
    for (address, reason) in [
        (
            "169.254.169.254",
            "a link-local or cloud metadata address (169.254.0.0/16)",
        ),
        (
            "100.100.100.200",
            "a carrier's private address (100.64.0.0/10)",
        ),
        ("168.63.129.16", "a cloud metadata address (168.63.129.16)"),
        ("::1", "the loopback address (::1)"),
        ("::", "the unspecified address (::)"),
        ("2001::1", "a Teredo address (2001::/32)"),
        ("fd00:ec2::254", "a private address (fc00::/7)"),
        ("8000::1", "a reserved address"),
    ] {
        assert_eq!(check_address(address), Some(reason), "{address}");
    }
}

proptest! {
    #[test]
    fn ipv4_is_refused_exactly_within_the_networks(bits_of_address: u32) {
        let address = Ipv4Addr::from_bits(bits_of_address);
        let inside = REFUSED_IPV4.iter().any(|(first, last)| (bits(first)..=bits(last)).contains(&bits_of_address));
        prop_assert_eq!(check_address(&address.to_string()).is_some(), inside);
    }

    #[test]
    fn no_ipv6_address_that_wraps_an_ipv4_address_is_allowed(v4: u32, form in 0usize..4) {
        let v4 = u128::from(v4);
        let bits = match form {
            0 => 0xffff << 32 | v4,
            1 => v4,
            2 => 0x0064_ff9b << 96 | v4,
            _ => 0x2002 << 112 | v4 << 80,
        };
        prop_assert!(check_address(&Ipv6Addr::from_bits(bits).to_string()).is_some());
    }

    #[test]
    fn outside_of_global_unicast_nothing_is_allowed(bits: u128) {
        if bits >> 125 != 1 {
            prop_assert!(check_address(&Ipv6Addr::from_bits(bits).to_string()).is_some());
        }
    }
}
