/* SPDX-License-Identifier: MIT
 * pcpctl: asks routers for port mappings, by PCP and NAT-PMP.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("pcpctl %s\n", PCPCTL_VERSION) < 0;
	fputs("pcpctl: no command yet; see pcpctl --version\n", stderr);
	return 2;
}
