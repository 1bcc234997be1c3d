/* SPDX-License-Identifier: Apache-2.0 */
/* The headers compile as C, and the library answers. */
#include <stdio.h>
#include <string.h>

#include "tppo.h"
#include "tppo_decoder.h"

int main(void) {
  tppo_gae_args args;
  tppo_decoder_args decoder;
  tppo_gae_init(&args);
  tppo_decoder_init(&decoder);
  printf("tppo %s, build %s, %s, %s\n", tppo_version(), tppo_build_id(), tppo_variant(), tppo_cpu_isa());
  return args.size == sizeof args && decoder.size == sizeof decoder && strlen(tppo_build_id()) == 16 &&
                 tppo_gae(&args, -1, NULL, NULL, 0) == TPPO_OK
             ? 0
             : 1;
}
