/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of the functions that both translation units of the object have, each
 * with code of its own, in the one with the programs at tc.  The linker says
 * which one is missing here.
 */

#ifndef BPF_HOOK_TC_NAMES_H
#define BPF_HOOK_TC_NAMES_H 1

#define classify_compare_rest tc_classify_compare_rest
#define classify_walk tc_classify_walk
#define ct_check_op tc_ct_check_op
#define ct_chunks_fit tc_ct_chunks_fit
#define ct_clear tc_ct_clear
#define ct_raise tc_ct_raise
#define ct_run tc_ct_run
#define ct_sum_is_right tc_ct_sum_is_right
#define ct_translate_ipv6 tc_ct_translate_ipv6
#define ct_translate_ports tc_ct_translate_ports
#define hash_compute_l4 tc_hash_compute_l4
#define hash_run tc_hash_run
#define hash_symmetric_l4 tc_hash_symmetric_l4
#define meter_run tc_meter_run
#define meter_run_band tc_meter_run_band
#define mpls_is_plain tc_mpls_is_plain
#define mpls_pop tc_mpls_pop
#define mpls_push tc_mpls_push
#define mpls_put_tags tc_mpls_put_tags
#define mpls_set tc_mpls_set
#define mpls_take_tags tc_mpls_take_tags
#define mtu_ask tc_mtu_ask
#define mtu_ask_port tc_mtu_ask_port
#define parse_arp tc_parse_arp
#define parse_icmpv6 tc_parse_icmpv6
#define parse_igmp tc_parse_igmp
#define parse_ipv4_rare tc_parse_ipv4_rare
#define parse_ipv6 tc_parse_ipv6
#define parse_mpls tc_parse_mpls
#define set_arp tc_set_arp
#define set_ethernet tc_set_ethernet
#define set_icmp tc_set_icmp
#define set_ipv4 tc_set_ipv4
#define set_ipv6 tc_set_ipv6
#define set_ipv6_addresses tc_set_ipv6_addresses
#define set_nd_ll tc_set_nd_ll
#define set_nd_target tc_set_nd_target
#define set_ports tc_set_ports
#define stats_count_rare tc_stats_count_rare
#define tunnel_begin_pop tc_tunnel_begin_pop
#define tunnel_sum_packet tc_tunnel_sum_packet
#define tunnel_udp_csum tc_tunnel_udp_csum
#define upcall tc_upcall

#endif /* hook_tc_names.h */
