//! Mirrors apimachinery/pkg/util/validation/ip.go and `ValidateNonSpecialIP`.

use std::net::{IpAddr, Ipv4Addr};

use super::errors::Errors;
use super::path::Path;
use crate::api::kind::FieldError;

/// `netutils.ParseIPSloppy`: also takes IPv4 octets with leading zeros.
pub fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let octets: Vec<&str> = text.split('.').collect();
    let [a, b, c, d] = octets.as_slice() else { return None };
    let octet = |digits: &str| {
        let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if valid { digits.parse::<u8>().ok() } else { None }
    };
    Some(IpAddr::V4(Ipv4Addr::new(octet(a)?, octet(b)?, octet(c)?, octet(d)?)))
}

/// `IsValidIP`. True when it is one.
pub fn valid(text: &str, path: &Path, errors: &mut Errors) -> bool {
    let ok = parse(text).is_some();
    if !ok {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        errors.push(FieldError::invalid(path, text, detail));
    }
    ok
}

/// The address and prefix length of a CIDR.
pub fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address = parse(address)?;
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let length: u8 = length.parse().ok()?;
    (length <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, length))
}

/// `IsValidCIDR`.
pub fn valid_cidr(text: &str, path: &Path, errors: &mut Errors) {
    if parse_cidr(text).is_none() {
        let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
        errors.push(FieldError::invalid(path, text, detail));
    }
}

/// Whether the addresses are of both families (`IsDualStackIPs`).
pub fn dual_stack(addresses: impl Iterator<Item = IpAddr> + Clone) -> bool {
    addresses.clone().any(|address| address.is_ipv4()) && addresses.clone().any(|address| address.is_ipv6())
}

/// `ValidateNonSpecialIP`: not unspecified, loopback or link-local.
pub fn non_special(text: &str, path: &Path, errors: &mut Errors) {
    let Some(address) = parse(text) else {
        errors.push(FieldError::invalid(path, text, "must be a valid IP address"));
        return;
    };
    if address.is_unspecified() {
        errors.push(FieldError::invalid(path, text, &format!("may not be unspecified ({text})")));
    }
    if address.is_loopback() {
        errors.push(FieldError::invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (unicast, multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.octets()[0] == 0xff && v6.octets()[1] & 0xf == 2),
    };
    if unicast {
        let detail = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errors.push(FieldError::invalid(path, text, detail));
    }
    if multicast {
        let detail = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errors.push(FieldError::invalid(path, text, detail));
    }
}
