/* SPDX-License-Identifier: Apache-2.0 */
/* tppo.h compiles as C, and the library answers. */
#include <stdio.h>
#include <string.h>

#include "tppo.h"

int main(void) {
  tppo_gae_args args;
  tppo_gae_init(&args);
  printf("tppo %s, build %s, %s, %s\n", tppo_version(), tppo_build_id(), tppo_variant(), tppo_cpu_isa());
  return args.size == sizeof args && strlen(tppo_build_id()) == 16 && tppo_gae(&args, -1, NULL, NULL, 0) == TPPO_OK ? 0 : 1;
}
