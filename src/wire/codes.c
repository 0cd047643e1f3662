/* SPDX-License-Identifier: MIT
 * The tables behind codes.h: RFC 6887, 7.4 and 19, and the later RFCs named; RFC 6886, 3.5.
 */
#include "wire/codes.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What may follow a bare header in 1100 octets. */
#define LENGTH_ANY  1072
#define LENGTH_TEXT 1016 /* RFC 7220, 2; RFC 7843, 3 */

#define ANNOUNCE (1 << PCP_ANNOUNCE)
#define MAP	 (1 << PCP_MAP)
#define PEER	 (1 << PCP_PEER)
#define AUTH	 (1 << PCP_AUTHENTICATION)

static const struct code_result pcp_results[] = {
	{ PCP_SUCCESS, CODE_NONE, "SUCCESS", "the server did what was asked" },
	{ PCP_UNSUPP_VERSION, CODE_LONG, "UNSUPP_VERSION",
		"the server does not speak this version of the protocol" },
	{ PCP_NOT_AUTHORIZED, CODE_LONG, "NOT_AUTHORIZED",
		"the server's policy forbids it, or the mapping belongs to another nonce" },
	{ PCP_MALFORMED_REQUEST, CODE_LONG, "MALFORMED_REQUEST",
		"the server could not make sense of the request" },
	{ PCP_UNSUPP_OPCODE, CODE_LONG, "UNSUPP_OPCODE",
		"the server does not offer this operation, or it is switched off" },
	{ PCP_UNSUPP_OPTION, CODE_LONG, "UNSUPP_OPTION",
		"the server does not offer, or does not allow, an option of the request" },
	{ PCP_MALFORMED_OPTION, CODE_LONG, "MALFORMED_OPTION",
		"the server could not make sense of an option of the request" },
	{ PCP_NETWORK_FAILURE, CODE_SHORT, "NETWORK_FAILURE",
		"the server has no external address now: its uplink may be down" },
	{ PCP_NO_RESOURCES, CODE_SHORT, "NO_RESOURCES",
		"the server has no room for another mapping now" },
	{ PCP_UNSUPP_PROTOCOL, CODE_LONG, "UNSUPP_PROTOCOL",
		"the server cannot map this protocol, or not all ports of it at once" },
	{ PCP_USER_EX_QUOTA, CODE_SHORT, "USER_EX_QUOTA",
		"this subscriber already has as many mappings as are allowed" },
	{ PCP_CANNOT_PROVIDE_EXTERNAL, CODE_VARIES, "CANNOT_PROVIDE_EXTERNAL",
		"the external address or port that was asked for cannot be had" },
	{ PCP_ADDRESS_MISMATCH, CODE_LONG, "ADDRESS_MISMATCH",
		"the request came to the server from another address: a NAT is in between" },
	{ PCP_EXCESSIVE_REMOTE_PEERS, CODE_LONG, "EXCESSIVE_REMOTE_PEERS",
		"the server cannot keep so many filters for one mapping" },
	{ 14, CODE_NONE, "INITIATION", "the client asks for an authentication session" },
	{ PCP_AUTHENTICATION_REQUIRED, CODE_NONE, "AUTHENTICATION_REQUIRED",
		"the server wants the client to authenticate first" },
	{ 16, CODE_NONE, "AUTHENTICATION_FAILED", "the server did not accept the credentials" },
	{ PCP_AUTHENTICATION_SUCCEEDED, CODE_NONE, "AUTHENTICATION_SUCCEEDED",
		"the server accepted the credentials" },
	{ 18, CODE_NONE, "AUTHORIZATION_FAILED",
		"the credentials are right, but they do not allow this" },
	{ 19, CODE_NONE, "SESSION_TERMINATED", "the authentication session is over" },
	{ 20, CODE_NONE, "UNKNOWN_SESSION_ID", "the server knows no such authentication session" },
	{ 21, CODE_NONE, "DOWNGRADE_ATTACK_DETECTED",
		"somebody on the way tried to weaken the authentication" },
	{ PCP_AUTHENTICATION_REQUEST, CODE_NONE, "AUTHENTICATION_REQUEST",
		"the server goes on with an authentication session" },
	{ 23, CODE_NONE, "AUTHENTICATION_REPLY",
		"the client goes on with an authentication session" },
	{ 24, CODE_LONG, "THIRD_PARTY_ID_UNKNOWN",
		"the server does not know this identifier of a third party" },
	{ 25, CODE_LONG, "THIRD_PARTY_MISSING_OPTION",
		"the server wants both the address and the identifier of the third party" },
	{ 26, CODE_LONG, "UNSUPP_THIRD_PARTY_ID_LENGTH",
		"the server does not take a third party's identifier of this length" },
};

/* NAT-PMP errors carry no lifetime, hence no class. */
static const struct code_result natpmp_results[] = {
	{ NATPMP_SUCCESS, CODE_NONE, "SUCCESS", "the router did what was asked" },
	{ NATPMP_UNSUPP_VERSION, CODE_NONE, "UNSUPP_VERSION",
		"the router does not speak this version of the protocol" },
	{ NATPMP_NOT_AUTHORIZED, CODE_NONE, "NOT_AUTHORIZED",
		"the router could do it, but refuses: it may be switched off in its settings" },
	{ NATPMP_NETWORK_FAILURE, CODE_NONE, "NETWORK_FAILURE",
		"the router has no external address now: its uplink may be down" },
	{ NATPMP_NO_RESOURCES, CODE_NONE, "NO_RESOURCES",
		"the router has no room for another mapping now" },
	{ NATPMP_UNSUPP_OPCODE, CODE_NONE, "UNSUPP_OPCODE",
		"the router does not offer this operation" },
};

static const struct code_option options[] = {
	{ PCP_OPTION_THIRD_PARTY, "THIRD_PARTY", "RFC 6887, 13.1", 16, 16, MAP | PEER },
	{ PCP_OPTION_PREFER_FAILURE, "PREFER_FAILURE", "RFC 6887, 13.2", 0, 0, MAP },
	{ PCP_OPTION_FILTER, "FILTER", "RFC 6887, 13.3", 20, 20, MAP },
	{ PCP_OPTION_NONCE, "NONCE", "RFC 7652, 5.3", 4, 4, AUTH },
	{ PCP_OPTION_AUTHENTICATION_TAG, "AUTHENTICATION_TAG", "RFC 7652, 5.4", 12, LENGTH_ANY,
		ANNOUNCE | MAP | PEER },
	{ PCP_OPTION_PA_AUTHENTICATION_TAG, "PA_AUTHENTICATION_TAG", "RFC 7652, 5.5", 4, LENGTH_ANY,
		AUTH },
	{ PCP_OPTION_EAP_PAYLOAD, "EAP_PAYLOAD", "RFC 7652, 5.6", 0, LENGTH_ANY, AUTH },
	{ PCP_OPTION_PRF, "PRF", "RFC 7652, 5.7", 4, 4, AUTH },
	{ PCP_OPTION_MAC_ALGORITHM, "MAC_ALGORITHM", "RFC 7652, 5.8", 4, 4, AUTH },
	{ PCP_OPTION_SESSION_LIFETIME, "SESSION_LIFETIME", "RFC 7652, 5.9", 4, 4, AUTH },
	{ PCP_OPTION_RECEIVED_PAK, "RECEIVED_PAK", "RFC 7652, 5.10", 4, 4, AUTH },
	{ PCP_OPTION_ID_INDICATOR, "ID_INDICATOR", "RFC 7652, 5.11", 0, LENGTH_ANY, AUTH },
	{ PCP_OPTION_THIRD_PARTY_ID, "THIRD_PARTY_ID", "RFC 7843, 3", 0, LENGTH_TEXT, MAP | PEER },
	{ PCP_OPTION_DESCRIPTION, "DESCRIPTION", "RFC 7220, 2", 0, LENGTH_TEXT, MAP | PEER },
	{ PCP_OPTION_PREFIX64, "PREFIX64", "RFC 7225, 4", 14, LENGTH_ANY, ANNOUNCE | MAP },
	{ PCP_OPTION_PORT_SET, "PORT_SET", "RFC 7753, 4", 5, 5, MAP },
	{ PCP_OPTION_CHECKPOINT_REQUIRED, "CHECKPOINT_REQUIRED", "RFC 7767, 3", 0, 0, MAP | PEER },
};

static const char *const pcp_opcodes[] = {
	[PCP_ANNOUNCE] = "ANNOUNCE",
	[PCP_MAP] = "MAP",
	[PCP_PEER] = "PEER",
	[PCP_AUTHENTICATION] = "AUTHENTICATION",
};

static const char *const natpmp_opcodes[] = {
	[NATPMP_ADDRESS] = "external address",
	[NATPMP_MAP_UDP] = "map UDP",
	[NATPMP_MAP_TCP] = "map TCP",
};

/* The names that a command line may use on any system; the others are in
 * /etc/protocols, if at all. */
static const struct protocol {
	uint8_t number;
	bool has_ports;
	const char *name;
} protocols[] = {
	{ PROTOCOL_ALL, false, "all" },
	{ PROTOCOL_TCP, true, "tcp" },
	{ PROTOCOL_UDP, true, "udp" },
	{ PROTOCOL_DCCP, true, "dccp" },
	{ PROTOCOL_SCTP, true, "sctp" },
	{ PROTOCOL_UDPLITE, true, "udplite" },
};

static const struct code_result *result_of(const struct code_result *table, size_t count,
	unsigned code)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

const struct code_result *codes_pcp_result(unsigned code)
{
	return result_of(pcp_results, COUNT(pcp_results), code);
}

const struct code_result *codes_natpmp_result(unsigned code)
{
	return result_of(natpmp_results, COUNT(natpmp_results), code);
}

const struct code_option *codes_option(unsigned code)
{
	for (size_t i = 0; i < COUNT(options); i++)
		if (options[i].code == code)
			return &options[i];
	return NULL;
}

const char *codes_pcp_opcode(unsigned opcode)
{
	return opcode < COUNT(pcp_opcodes) ? pcp_opcodes[opcode] : NULL;
}

const char *codes_natpmp_opcode(unsigned opcode)
{
	return opcode < COUNT(natpmp_opcodes) ? natpmp_opcodes[opcode] : NULL;
}

const char *codes_result_name(bool natpmp, unsigned code, char *text, size_t size)
{
	const struct code_result *result;

	result = natpmp ? codes_natpmp_result(code) : codes_pcp_result(code);
	if (result)
		return result->name;
	snprintf(text, size, "result %u", code);
	return text;
}

static const struct protocol *protocol_of(unsigned number)
{
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (protocols[i].number == number)
			return &protocols[i];
	return NULL;
}

const char *codes_protocol_name(unsigned protocol)
{
	const struct protocol *known = protocol_of(protocol);

	return known ? known->name : NULL;
}

int codes_protocol_number(const char *name)
{
	for (size_t i = 0; i < COUNT(protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return protocols[i].number;
	return -1;
}

const char *codes_protocol_text(unsigned protocol, char *text, size_t size)
{
	const char *name = codes_protocol_name(protocol);

	if (name)
		return name;
	snprintf(text, size, "%u", protocol);
	return text;
}

bool codes_protocol_has_ports(unsigned protocol)
{
	const struct protocol *known = protocol_of(protocol);

	return known && known->has_ports;
}
