package app

import "net/netip"

// Network is what limits count addresses by: an IPv4 address, and of an IPv6 address the 64 bits that a site is given (RFC 6177), as
// it can choose the rest for every request.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	return netip.PrefixFrom(ip, 64).Masked().Addr().String()
}
