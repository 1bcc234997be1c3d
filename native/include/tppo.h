/* SPDX-License-Identifier: Apache-2.0 */
/**
 * C API of the kernels for Token-level Proximal Policy Optimization (TPPO). Equation numbers are those of the paper.
 *
 * CONVENTIONS, true of every operation below unless its own text says otherwise
 *
 * Call shape.   int32_t tppo_OP(const tppo_OP_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size)
 *               with tppo_OP_init(args): sets args->size and every default (all pointers NULL), to be called first;
 *               and  tppo_OP_workspace(args, device, &bytes): scratch bytes that this call needs (may be 0; grows with the shapes).
 * Device.       -1 is the CPU: all pointers are host memory, `stream` is ignored, the call returns when it is done.
 *               d >= 0 is CUDA device d: all pointers inside args are memory of that device (exceptions are named), `stream` is a
 *               cudaStream_t or NULL for the default stream, the call only enqueues work and never synchronises.
 * Memory.       Nothing is allocated and nothing is kept after the call. `workspace` is memory of the same device; it need not be
 *               aligned or initialised, must overlap no array (this is not checked), may be NULL when the size query says 0, and is free for
 *               reuse once the call's work is done.
 * Layout.       Row-major and contiguous, except where a row stride (in elements) is an argument. N = num_tokens tokens in
 *               B = num_sequences sequences. Without cu_seqlens (NULL) the tokens are a padded [B, N/B] array, N divisible by B;
 *               with it, sequence b owns tokens cu_seqlens[b] .. cu_seqlens[b+1]-1, cu_seqlens[0] = 0, cu_seqlens[B] = N.
 * Mask.         uint8, 1 where the token counts, else 0; NULL means that every token counts. Whatever lies in the slots of masked
 *               tokens, NaN and Inf included, changes no bit of any result. Every output (gradients too) is 0 at masked tokens.
 * Row list.     Where an operation has `rows` (int32 [num_rows], nullable; an empty list is any other address with num_rows 0), rows[0] < rows[1] < ... are the tokens that count; mask must then
 *               be NULL. Slots of all other tokens are neither read nor written, gradient rows included. On CUDA an entry outside [0,N)
 *               is counted as a bad row and not followed.
 * Nullable.     Outputs may be NULL unless marked required: they are then not computed or not stored. Inputs are required unless marked nullable.
 * In place.     Outputs must not overlap inputs or one another unless the text allows that an output *is* an input (same address).
 * Statistics.   `stats` is nullable, double[TPPO_..._COUNT] on the call's device, overwritten with sums (not means) over valid tokens
 *               so that those of micro-batches add up; the index names are below each operation.
 * Normaliser.   `normalizer` 0 means: taken from this call's own mask. A positive value replaces it; giving every micro-batch the count
 *               of the whole batch makes losses and gradients of micro-batches add up to those of the batch.
 * Nothing to do. No valid token (or N = 0): loss 0, gradients 0, status TPPO_OK.
 * Errors.       A status (TPPO_OK is 0) and a message for the calling thread (tppo_last_error) that names the argument. Shapes, options,
 *               NULLs and overlaps are always checked before anything is written. Contents (targets, cu_seqlens, labels) are
 *               checked on the CPU; on CUDA an index out of range is counted as a bad row and never followed.
 * Large rows.   V up to 2^28 on CUDA, any stride and any alignment of the element; 16-byte alignment of every row is fastest.
 * Determinism.  Same inputs, same device and same instruction set: same bits, for any number of threads and any run. Sums run in a
 *               fixed order and in double; there are no floating-point atomics. The bits of shape_rewards, whiten, value_loss,
 *               reward_model_loss, balance_mask, global_norm, scale and adamw are the same under every instruction set of a machine.
 * Threads.      Every function may be called from any thread at any time on disjoint memory.
 * Complexity.   Linear in the number of elements read (tppo_linear_*: N H V), and no [N,V] temporary.
 */
#ifndef TPPO_H
#define TPPO_H

#include <stdint.h>

#if defined(_WIN32)
#define TPPO_API
#else
#define TPPO_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Status of a call. */
enum {
  TPPO_OK = 0,
  TPPO_INVALID_ARGUMENT = 1, /**< an argument is wrong; nothing was written */
  TPPO_UNSUPPORTED = 2,      /**< right in itself but not offered by this build, device or dtype */
  TPPO_CUDA_ERROR = 3,       /**< the CUDA runtime reported an error */
  TPPO_OUT_OF_MEMORY = 4,    /**< host or device memory is exhausted */
  TPPO_INTERNAL_ERROR = 5    /**< a defect of this library */
};

/** Element type of logits and of their gradient. */
enum { TPPO_F32 = 0, TPPO_BF16 = 1, TPPO_F16 = 2 /**< IEEE binary16 */ };

/** How per-token terms become one loss; n_b = valid tokens of sequence b. */
enum {
  TPPO_TOKEN_MEAN = 0,         /**< sum over tokens / normalizer; default normalizer: valid tokens */
  TPPO_SEQ_MEAN_TOKEN_MEAN = 1,/**< sum_b (sum over tokens of b / n_b) / normalizer; default: sequences that have a valid token */
  TPPO_SEQ_MEAN_TOKEN_SUM = 2  /**< sum over tokens / normalizer; default: sequences that have a valid token */
};

/** Estimators of KL(policy || other) from one sample, d = logprob - other logprob: k1 = d, k2 = d*d/2, k3 = exp(-d) - 1 + d. */
enum { TPPO_KL_K1 = 1, TPPO_KL_K2 = 2, TPPO_KL_K3 = 3 };

/* ---------------------------------------------------------------- library, CPU and CUDA */

/** Version "major.minor.patch" of the library. */
TPPO_API const char* tppo_version(void);
/** Hash of the native sources and of the variant that the library was built from; the binding checks it at load. */
TPPO_API const char* tppo_build_id(void);
/** "cpu" or "cuda13": what was compiled in, not what this machine can run. */
TPPO_API const char* tppo_variant(void);
/** Message of the calling thread's last call that failed ("" if none has). Valid until the thread's next failing call. */
TPPO_API const char* tppo_last_error(void);

/** Number of CPU threads for later calls from any thread; 0 = all that this process may use. TPPO_INVALID_ARGUMENT if negative or > 1024. */
TPPO_API int32_t tppo_set_threads(int32_t threads);
/** Number of CPU threads that calls use. */
TPPO_API int32_t tppo_get_threads(void);
/** Instruction set of the CPU kernels in use: "x86-64-v4-bf16", "x86-64-v4", "x86-64-v3", "neon" or "portable". */
TPPO_API const char* tppo_cpu_isa(void);
/** Chooses the instruction set by name ("auto" = the best one), for tests and for equal bits across machines. TPPO_UNSUPPORTED if this CPU or build lacks it. */
TPPO_API int32_t tppo_set_cpu_isa(const char* isa);

/** Number of usable CUDA devices; 0 if there is none, see tppo_cuda_unavailable_reason. */
TPPO_API int32_t tppo_cuda_device_count(void);
/** Why tppo_cuda_device_count is 0, in words; "" if it is not. */
TPPO_API const char* tppo_cuda_unavailable_reason(void);

typedef struct tppo_cuda_device {
  uint64_t size;               /**< sizeof(tppo_cuda_device), set by the caller */
  char name[256];
  uint64_t total_memory;       /**< bytes */
  uint64_t free_memory;        /**< bytes, at the time of the call */
  int32_t capability_major, capability_minor;
  int32_t multiprocessors;
  int32_t driver_version;      /**< CUDA version of the driver, 1000 * major + 10 * minor */
  int32_t runtime_version;     /**< CUDA version linked in */
  int32_t reserved;
} tppo_cuda_device;
/** Describes CUDA device `device`. */
TPPO_API int32_t tppo_cuda_device_info(int32_t device, tppo_cuda_device* info);

/** Allocates `bytes` of memory on CUDA device `device` (256-byte aligned); *address receives it. */
TPPO_API int32_t tppo_cuda_alloc(int32_t device, uint64_t bytes, void** address);
/** Frees memory of tppo_cuda_alloc; NULL is ignored. Waits for the device. */
TPPO_API int32_t tppo_cuda_free(int32_t device, void* address);
/** Copies host to device, ordered on `stream`; the host memory may be reused when the call returns. */
TPPO_API int32_t tppo_cuda_upload(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream);
/** Copies device to host, ordered on `stream`, and waits for the copy. */
TPPO_API int32_t tppo_cuda_download(int32_t device, void* destination, const void* source, uint64_t bytes, void* stream);
/** Waits until the work on `stream` is done; reports errors of earlier asynchronous work. */
TPPO_API int32_t tppo_cuda_synchronize(int32_t device, void* stream);

/* ---------------------------------------------------------------- token_log_probs */

/**
 * Log-probability and entropy of each token's distribution, forward only. z = logits / temperature:
 * logprob = z[target] - logsumexp(z), entropy = -sum_v p_v ln p_v with 0 ln 0 = 0.
 * Same bits as the logprob and entropy of tppo_policy_loss. -inf logits have p = 0; a -inf target gives logprob -inf.
 * Bad rows (NaN, +inf, all -inf, on CUDA also a target outside [0,V)) give NaN and are counted.
 * Reads each logit once. N*V and strides are checked against overflow of int64 bytes.
 */
typedef struct tppo_token_log_probs_args {
  uint64_t size;
  int64_t num_tokens;          /**< N */
  int64_t vocab_size;          /**< V >= 1 */
  int64_t logits_stride;       /**< elements from row to row, >= V; 0 = V */
  int32_t dtype;               /**< of logits: TPPO_F32 (default), TPPO_BF16 or TPPO_F16 */
  int32_t reserved;
  double temperature;          /**< > 0, default 1 */
  const void* logits;          /**< [N,V] */
  const int64_t* targets;      /**< [N], in [0,V) at valid tokens */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* rows;         /**< [num_rows], nullable: the tokens that count, instead of mask */
  int64_t num_rows;            /**< 0 without rows */
  float* logprob;              /**< [N] out */
  float* entropy;              /**< [N] out, nats */
  double* stats;               /**< TPPO_TOKEN_LOG_PROBS_STATS */
} tppo_token_log_probs_args;
enum {
  TPPO_TOKEN_LOG_PROBS_VALID = 0,    /**< valid tokens */
  TPPO_TOKEN_LOG_PROBS_LOGPROB = 1,  /**< sum of logprob */
  TPPO_TOKEN_LOG_PROBS_ENTROPY = 2,  /**< sum of entropy */
  TPPO_TOKEN_LOG_PROBS_BAD_ROWS = 3, /**< bad rows, left out of the sums */
  TPPO_TOKEN_LOG_PROBS_STATS = 4
};
TPPO_API void tppo_token_log_probs_init(tppo_token_log_probs_args* args);
TPPO_API int32_t tppo_token_log_probs_workspace(const tppo_token_log_probs_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_token_log_probs(const tppo_token_log_probs_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- policy_loss */

/**
 * Clipped policy loss (equations 6 and 7) from logits, with its gradient, in one call.
 *
 * Per valid token, with logprob and entropy H as in tppo_token_log_probs, A = advantage, c = log_ratio_clamp:
 *   d = clamp(logprob - old_logprob, -c, c)      ratio r = exp(d)
 *   objective = min(r A, clip(r, 1 - eps_low, 1 + eps_high) A);  with dual_clip > 0 and A < 0: max(objective, dual_clip A)
 *   kl = estimator of clamp(logprob - ref_logprob, -c, c)
 *   term = -objective + kl_coef kl - entropy_coef H
 * loss = aggregation of the terms. grad_logprob = d loss / d logprob (entropy left out); grad_logits = d loss / d logits, everything
 * and the factor 1/temperature included. No gradient flows where the clip or the dual clip holds, or where a log-ratio is clamped.
 * The ratio is exactly 1 where old_logprobs holds the finite logprob that this library gave for the same logits.
 *
 * In place: grad_logits may be logits itself (same dtype, grad_stride = logits_stride). Otherwise it must not overlap it.
 * Bad rows (as in tppo_token_log_probs; also a term that is not finite, such as NaN from old/ref log-probs or advantage) are counted, left out of every sum and of
 * the loss (but not of the default normalizer, which comes from the mask); their per-token outputs are NaN, their gradient row is
 * NaN, or 0 with zero_bad_rows.
 * Gradients of float16 logits beyond 65504 become infinite and are not counted: scale the normalizer, or use bfloat16.
 * Reads each valid logit from memory once and writes it once. On the CPU a worker keeps a row's exponentials in the gradient row or, for 16-bit
 * logits and for a gradient of the entropy, in scratch of V floats; on CUDA a row that does not fit the registers and the shared memory of a
 * block (by capability 8.0: 288 KiB; 8.6, 8.9: 224 KiB) or of a cluster of eight (9.0, 10.0: 2.75 MiB; 12.0: 1.75 MiB) is read a second time, from
 * cache.
 */
typedef struct tppo_policy_loss_args {
  uint64_t size;
  int64_t num_tokens;          /**< N */
  int64_t vocab_size;          /**< V >= 1 */
  int64_t num_sequences;       /**< B; only used by the sequence aggregations; default 1 */
  int64_t logits_stride;       /**< elements, >= V; 0 = V */
  int64_t grad_stride;         /**< elements, >= V; 0 = V */
  int32_t dtype;               /**< of logits and grad_logits: TPPO_F32 (default), TPPO_BF16 or TPPO_F16 */
  int32_t aggregation;         /**< TPPO_TOKEN_MEAN (default), TPPO_SEQ_MEAN_TOKEN_MEAN, TPPO_SEQ_MEAN_TOKEN_SUM */
  int32_t kl_estimator;        /**< TPPO_KL_K1 .. K3 of the kl output and of the loss term; default TPPO_KL_K3 */
  int32_t zero_bad_rows;       /**< 1: gradient rows of bad rows are 0; default 0 */
  double temperature;          /**< > 0, default 1 */
  double eps_low, eps_high;    /**< >= 0, default 0.2; eps_low <= 1 */
  double dual_clip;            /**< 0 = off (default), else > 1 */
  double entropy_coef;         /**< default 0 */
  double kl_coef;              /**< default 0; not 0 needs ref_logprobs */
  double log_ratio_clamp;      /**< default 20; 0 = no clamp */
  double normalizer;           /**< 0 = from this call */
  const void* logits;          /**< [N,V] */
  const int64_t* targets;      /**< [N], in [0,V) at valid tokens */
  const float* old_logprobs;   /**< [N] */
  const float* advantages;     /**< [N] */
  const float* ref_logprobs;   /**< [N], nullable */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* rows;         /**< [num_rows], nullable: the tokens that count, instead of mask */
  int64_t num_rows;            /**< 0 without rows */
  const int32_t* cu_seqlens;   /**< [B+1], nullable */
  float* logprob;              /**< [N] out */
  float* entropy;              /**< [N] out */
  float* ratio;                /**< [N] out */
  float* objective;            /**< [N] out, before aggregation */
  float* kl;                   /**< [N] out, needs ref_logprobs */
  float* grad_logprob;         /**< [N] out */
  void* grad_logits;           /**< [N,V] out */
  double* stats;               /**< TPPO_POLICY_STATS */
} tppo_policy_loss_args;
enum {
  TPPO_POLICY_LOSS = 0,         /**< the loss, all terms, normalised */
  TPPO_POLICY_OBJECTIVE_LOSS = 1,/**< its part from -objective, normalised */
  TPPO_POLICY_KL_LOSS = 2,      /**< kl_coef * kl, normalised */
  TPPO_POLICY_ENTROPY_LOSS = 3, /**< -entropy_coef * H, normalised */
  TPPO_POLICY_VALID = 4,        /**< valid tokens, bad rows not among them */
  TPPO_POLICY_SEQUENCES = 5,    /**< sequences with a valid token (0 for TPPO_TOKEN_MEAN) */
  TPPO_POLICY_CLIPPED = 6,      /**< tokens with A > 0 and r > 1 + eps_high, or A < 0 and r < 1 - eps_low */
  TPPO_POLICY_CLIPPED_HIGH = 7, /**< of these the first kind */
  TPPO_POLICY_CLIPPED_LOW = 8,  /**< of these the second kind */
  TPPO_POLICY_OUTSIDE = 9,      /**< tokens with r outside [1 - eps_low, 1 + eps_high] */
  TPPO_POLICY_DUAL_CLIPPED = 10,/**< tokens with A < 0 and objective < dual_clip A before the bound */
  TPPO_POLICY_CLAMPED = 11,     /**< tokens whose log-ratio to old or ref was clamped */
  TPPO_POLICY_BAD_ROWS = 12,    /**< bad rows */
  TPPO_POLICY_LOGPROB = 13,     /**< sums over valid tokens from here on */
  TPPO_POLICY_ENTROPY = 14,
  TPPO_POLICY_RATIO = 15,
  TPPO_POLICY_REF_K1 = 16,      /**< KL to the reference, 0 without ref_logprobs */
  TPPO_POLICY_REF_K2 = 17,
  TPPO_POLICY_REF_K3 = 18,
  TPPO_POLICY_OLD_K1 = 19,      /**< KL(old || new) from samples of old: -ln r */
  TPPO_POLICY_OLD_K2 = 20,      /**< (ln r)^2 / 2 */
  TPPO_POLICY_OLD_K3 = 21,      /**< r - 1 - ln r */
  TPPO_POLICY_ADVANTAGE = 22,
  TPPO_POLICY_NORMALIZER = 23,  /**< the normaliser that was used */
  TPPO_POLICY_STATS = 24
};
TPPO_API void tppo_policy_loss_init(tppo_policy_loss_args* args);
TPPO_API int32_t tppo_policy_loss_workspace(const tppo_policy_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_policy_loss(const tppo_policy_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- nll_loss */

/**
 * Weighted negative log-likelihood (supervised fine-tuning): loss = -sum_i w_i logprob_i / normalizer over valid tokens,
 * with its gradient d loss / d logits. The default normalizer is the sum of the w_i; weights may be negative (or carry the gradient
 * of a loss of sequence log-probs, such as DPO's) if a normalizer is given. Tokens of weight 0 are as masked.
 * Rows, in-place rule and bad rows as in tppo_policy_loss.
 */
typedef struct tppo_nll_loss_args {
  uint64_t size;
  int64_t num_tokens, vocab_size;
  int64_t logits_stride, grad_stride; /**< elements, >= V; 0 = V */
  int32_t dtype;
  int32_t zero_bad_rows;
  double temperature;          /**< > 0, default 1 */
  double normalizer;           /**< 0 = sum of weights */
  const void* logits;          /**< [N,V] */
  const int64_t* targets;      /**< [N] */
  const float* weights;        /**< [N], nullable = 1 */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* rows;         /**< [num_rows], nullable: the tokens that count, instead of mask */
  int64_t num_rows;            /**< 0 without rows */
  float* logprob;              /**< [N] out */
  float* entropy;              /**< [N] out */
  void* grad_logits;           /**< [N,V] out, may be logits */
  double* stats;               /**< TPPO_NLL_STATS */
} tppo_nll_loss_args;
enum {
  TPPO_NLL_LOSS = 0,
  TPPO_NLL_VALID = 1,          /**< valid tokens, bad rows not among them */
  TPPO_NLL_WEIGHT = 2,         /**< sum of their weights */
  TPPO_NLL_LOGPROB = 3,        /**< unweighted sum of logprob */
  TPPO_NLL_ENTROPY = 4,
  TPPO_NLL_BAD_ROWS = 5,
  TPPO_NLL_NORMALIZER = 6,     /**< the normaliser that was used */
  TPPO_NLL_STATS = 7
};
TPPO_API void tppo_nll_loss_init(tppo_nll_loss_args* args);
TPPO_API int32_t tppo_nll_loss_workspace(const tppo_nll_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_nll_loss(const tppo_nll_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- linear_token_log_probs, linear_policy_loss, linear_nll_loss */

/**
 * The output layer and a loss in one call: logits = hidden weight^T, the loss of `args` on them, and its gradients
 *   grad_hidden = grad_logits weight,   grad_weight += grad_logits^T hidden
 * in chunks of tokens, so that [N,V] never exists: the workspace holds one chunk of logits and what the matrix products need for it.
 * `args` are those of the operation without `linear_`, its dtype being that of hidden, weight and grad_hidden; logits, grad_logits and rows
 * must be NULL, both strides 0. A gradient is computed when grad_hidden or grad_weight is given. Hidden states of masked tokens are not
 * read. zero_bad_rows clears the row of the logits' gradient, but a hidden state that is not finite itself still makes grad_weight NaN
 * (0 NaN is NaN). Losses, per-token outputs and statistics are those of the operation on the same logits. On the CPU logits of a chunk are float32
 * and products accumulate in float32 in a fixed order; on CUDA they have the dtype of hidden and products accumulate in float32.
 * Bits depend on neither threads nor chunk_tokens, with one exception: on CUDA each chunk's part of grad_weight is summed up before it is added.
 * CUDA uses this library's own kernels, or cuBLASLt for 16-bit types when the environment has TPPO_CUBLASLT=1 and libcublasLt.so.13 is found:
 * about twice as fast, with 32 MiB more workspace and memory of its own, and bits that depend on chunk_tokens and on its version.
 */
typedef struct tppo_linear_args {
  uint64_t size;
  int64_t hidden_size;         /**< H >= 1 */
  int64_t hidden_stride;       /**< elements from row to row of hidden and of grad_hidden, >= H; 0 = H */
  int64_t chunk_tokens;        /**< tokens whose logits exist at a time; 0 (default) = chosen from V; rounded up to a multiple of 16 */
  const void* hidden;          /**< [N,H] */
  const void* weight;          /**< [V,H], contiguous */
  void* grad_hidden;           /**< [N,H] out, nullable; 0 at masked tokens; may not overlap hidden */
  float* grad_weight;          /**< [V,H] in and out, nullable, float32 always: the gradient is added to what is there */
} tppo_linear_args;
TPPO_API void tppo_linear_init(tppo_linear_args* linear);
TPPO_API int32_t tppo_linear_token_log_probs_workspace(const tppo_linear_args* linear, const tppo_token_log_probs_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_linear_token_log_probs(const tppo_linear_args* linear, const tppo_token_log_probs_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);
TPPO_API int32_t tppo_linear_policy_loss_workspace(const tppo_linear_args* linear, const tppo_policy_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_linear_policy_loss(const tppo_linear_args* linear, const tppo_policy_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);
TPPO_API int32_t tppo_linear_nll_loss_workspace(const tppo_linear_args* linear, const tppo_nll_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_linear_nll_loss(const tppo_linear_args* linear, const tppo_nll_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- shape_rewards */

/**
 * Reward of each generated token (equations 4 and 5).
 *   R = class_values[classes[i]], or scores[i]               (exactly one of the two is given)
 *   lwp(l) = 1 / (1 + exp(alpha (l - suggested_length) - length_offset)), or 1 with length_penalty = 0; finite for any l
 *   shaped = lwp(l) R;   kl = estimator of clamp(logprob - ref_logprob, -c, c), c = log_ratio_clamp;   rewards = shaped - kl_coef kl
 * and terminal_rewards[b] is added to rewards at the last valid token of sequence b (sentence-level reward).
 * l = positions[i], or when positions is NULL the 1-based count of valid tokens of the sequence so far.
 * A class outside 0..2 is TPPO_INVALID_ARGUMENT on the CPU and gives NaN on CUDA.
 * In place: `shaped` or `rewards` (one of them) may be `scores`.
 */
typedef struct tppo_shape_rewards_args {
  uint64_t size;
  int64_t num_tokens, num_sequences;
  int32_t length_penalty;      /**< 1 (default) or 0 */
  int32_t kl_estimator;        /**< default TPPO_KL_K1 */
  double alpha;                /**< default 2 */
  double suggested_length;     /**< sl, tokens; required >= 0 with length_penalty */
  double length_offset;        /**< default 6 */
  double kl_coef;              /**< default 0.2; used only when both log-probs are given */
  double log_ratio_clamp;      /**< default 20; 0 = no clamp */
  double class_values[3];      /**< default 0, 1, 2 */
  const int32_t* classes;      /**< [N], nullable */
  const float* scores;         /**< [N], nullable */
  const int32_t* positions;    /**< [N], nullable */
  const float* logprobs;       /**< [N], nullable, together with ref_logprobs */
  const float* ref_logprobs;   /**< [N] */
  const float* terminal_rewards;/**< [B], nullable; those of sequences without a valid token are not read */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* cu_seqlens;   /**< [B+1], nullable */
  float* lwp;                  /**< [N] out */
  float* shaped;               /**< [N] out */
  float* kl;                   /**< [N] out, needs the log-probs */
  float* rewards;              /**< [N] out */
  double* stats;               /**< TPPO_SHAPE_REWARDS_STATS */
} tppo_shape_rewards_args;
enum {
  TPPO_SHAPE_REWARDS_VALID = 0,  /**< valid tokens; then sums over them */
  TPPO_SHAPE_REWARDS_LWP = 1,
  TPPO_SHAPE_REWARDS_SHAPED = 2,
  TPPO_SHAPE_REWARDS_KL = 3,
  TPPO_SHAPE_REWARDS_REWARD = 4, /**< terminal rewards included */
  TPPO_SHAPE_REWARDS_BEYOND = 5, /**< tokens with l > suggested_length */
  TPPO_SHAPE_REWARDS_CLAMPED = 6,
  TPPO_SHAPE_REWARDS_STATS = 7
};
TPPO_API void tppo_shape_rewards_init(tppo_shape_rewards_args* args);
TPPO_API int32_t tppo_shape_rewards_workspace(const tppo_shape_rewards_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_shape_rewards(const tppo_shape_rewards_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/** Suggested length (section 3.3): median of `lengths` (mean of the two middle ones for an even count) times num_queries; *result
 *  receives it. lengths: int32 [count], host memory, count >= 1, each >= 0. num_queries >= 1. Needs no workspace; O(count). */
TPPO_API int32_t tppo_suggested_length(const int32_t* lengths, int64_t count, int32_t num_queries, double* result);

/* ---------------------------------------------------------------- gae, whiten */

/**
 * Generalised advantage estimation over the valid tokens of each sequence; masked tokens are skipped (not steps of reward 0):
 *   delta_t = r_t + gamma V_next - V_t,   A_t = delta_t + gamma lambda A_next,   returns = A + V
 * where next is the next valid token of the sequence, and V_next = A_next = 0 after the last one. On CUDA and on the portable CPU path it
 * runs in double and rounds once. The other CPU paths sum up to 16 tokens in float32 and carry in double: the error is some 1e-7 of the
 * largest reward, value or advantage of the sequence; it grows slowly with 1 / (1 - gamma lambda), to about 3e-6 for a million tokens with
 * gamma lambda = 1. Results depend on the valid tokens alone, not on padding or holes.
 * In place: advantages may be rewards, returns may be values.
 */
typedef struct tppo_gae_args {
  uint64_t size;
  int64_t num_tokens, num_sequences;
  double gamma;                /**< in [0,1], default 1 */
  double lambda;               /**< in [0,1], default 0.95 */
  const float* rewards;        /**< [N] */
  const float* values;         /**< [N] */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* cu_seqlens;   /**< [B+1], nullable */
  float* advantages;           /**< [N] out, required */
  float* returns;              /**< [N] out */
} tppo_gae_args;
TPPO_API void tppo_gae_init(tppo_gae_args* args);
TPPO_API int32_t tppo_gae_workspace(const tppo_gae_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_gae(const tppo_gae_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/**
 * Whitening over the valid tokens of the batch: (x - mean) / sqrt(var + epsilon), plus mean with keep_mean.
 * var is divided by n - 1 (unbiased) or by n. With one valid token var is 0. Two passes, so large means lose nothing.
 * In place: out may be x.
 */
typedef struct tppo_whiten_args {
  uint64_t size;
  int64_t num_tokens;
  int32_t unbiased;            /**< 1 (default) or 0 */
  int32_t keep_mean;           /**< 0 (default) or 1 */
  double epsilon;              /**< >= 0, default 1e-8 */
  const float* x;              /**< [N] */
  const uint8_t* mask;         /**< [N], nullable */
  float* out;                  /**< [N] out, required */
  double* stats;               /**< TPPO_WHITEN_STATS */
} tppo_whiten_args;
enum { TPPO_WHITEN_VALID = 0, TPPO_WHITEN_MEAN = 1, TPPO_WHITEN_VARIANCE = 2 /**< as used */, TPPO_WHITEN_STATS = 3 };
TPPO_API void tppo_whiten_init(tppo_whiten_args* args);
TPPO_API int32_t tppo_whiten_workspace(const tppo_whiten_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_whiten(const tppo_whiten_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/**
 * shape_rewards, gae and whiten on the same tokens in one call (equations 4 and 5, then section 3.4). On the CPU the results have the bits of
 * the three calls; on CUDA this takes two launches, one without whitening and statistics.
 * shape->rewards feeds gae, whose own rewards must be NULL (shape->rewards may be NULL: then it is not stored); gae must have the tokens,
 * sequences, mask and cu_seqlens of shape. whiten is nullable; its x and out must be NULL and its tokens and mask those of shape: it
 * replaces gae->advantages by their whitened values. returns are those before whitening.
 */
TPPO_API int32_t tppo_token_advantages_workspace(const tppo_shape_rewards_args* shape, const tppo_gae_args* gae, const tppo_whiten_args* whiten, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_token_advantages(const tppo_shape_rewards_args* shape, const tppo_gae_args* gae, const tppo_whiten_args* whiten, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- reward_model_loss, balance_mask */

/** Local loss of the reward model: equation 1, or the mean weighted by class weight (torch CrossEntropyLoss). */
enum { TPPO_LOCAL_SUM_OVER_N = 0, TPPO_LOCAL_WEIGHTED_MEAN = 1 };
/** Global loss: forward value and slope. */
enum {
  TPPO_GLOBAL_STRAIGHT_THROUGH = 0, /**< argmax forward (equation 2), slope of the expected class backward */
  TPPO_GLOBAL_EXPECTED = 1,         /**< expected class forward and backward */
  TPPO_GLOBAL_ARGMAX = 2            /**< argmax forward, no gradient: the letter of equation 2 */
};

/**
 * Loss of the token-level reward model (equations 1 to 3) on logits [B,T,3], with its gradient. P = softmax over the 3 classes.
 *   local  = (1/n) sum over valid tokens of w_y (-ln P_y);  weighted mean: the same sum / sum of w_y
 *   global = (1/n) sum_b (mean over the global mask of R - sentence_labels[b])^2,  R = argmax (lowest index on ties) or e = sum_c c P_c
 *   loss   = w_local local + w_global global
 * n = num_sequences, or num_samples when that is positive (sample count of the whole batch for micro-batches). A sequence whose
 * global mask is empty contributes 0 to global. In place: grad_logits may be logits.
 * Labels outside 0..2 at valid tokens are TPPO_INVALID_ARGUMENT on the CPU and bad rows on CUDA. Rows with NaN or +inf are bad rows:
 * left out of the sums (a sequence with a bad row contributes 0 to global), their gradient is NaN.
 */
typedef struct tppo_reward_model_loss_args {
  uint64_t size;
  int64_t num_tokens, num_sequences;
  int32_t dtype;               /**< of logits and grad_logits */
  int32_t local_reduction;     /**< default TPPO_LOCAL_SUM_OVER_N */
  int32_t global_mode;         /**< default TPPO_GLOBAL_STRAIGHT_THROUGH */
  int32_t reserved;
  double w_local;              /**< default 0.4 */
  double w_global;             /**< default 0.6 */
  double class_weights[3];     /**< >= 0, default 1, 1, 1 */
  double num_samples;          /**< 0 = num_sequences */
  double local_normalizer;     /**< TPPO_LOCAL_WEIGHTED_MEAN: sum of w_y of the whole batch, 0 = from this call */
  const void* logits;          /**< [N,3] */
  const int32_t* labels;       /**< [N], 0 1 or 2 */
  const float* sentence_labels;/**< [B]; when w_global is 0 for the statistics alone, and nullable; not read where the global mask is empty */
  const uint8_t* mask;         /**< [N], nullable: the local loss */
  const uint8_t* global_mask;  /**< [N], nullable = mask: the mean of the global loss; tokens outside mask may be in it */
  const int32_t* cu_seqlens;   /**< [B+1], nullable */
  float* weighted_nll;         /**< [N] out, 0 outside mask */
  float* expected_value;       /**< [N] out, 0 outside both masks */
  int32_t* argmax;             /**< [N] out, 0 outside both masks */
  float* mean_argmax;          /**< [B] out, over the global mask */
  float* mean_expected;        /**< [B] out, over the global mask */
  void* grad_logits;           /**< [N,3] out */
  double* stats;               /**< TPPO_REWARD_MODEL_STATS */
} tppo_reward_model_loss_args;
enum {
  TPPO_REWARD_MODEL_LOSS = 0,
  TPPO_REWARD_MODEL_LOCAL = 1,           /**< local, before w_local */
  TPPO_REWARD_MODEL_GLOBAL = 2,          /**< global in the chosen mode, before w_global */
  TPPO_REWARD_MODEL_GLOBAL_ARGMAX = 3,   /**< global with R = argmax */
  TPPO_REWARD_MODEL_GLOBAL_EXPECTED = 4, /**< global with R = expected class */
  TPPO_REWARD_MODEL_VALID = 5,           /**< tokens of mask, bad rows not among them */
  TPPO_REWARD_MODEL_CORRECT = 6,         /**< of these argmax = label */
  TPPO_REWARD_MODEL_WEIGHT = 7,          /**< sum of their class weights */
  TPPO_REWARD_MODEL_BAD_ROWS = 8,
  TPPO_REWARD_MODEL_STATS = 9
};
TPPO_API void tppo_reward_model_loss_init(tppo_reward_model_loss_args* args);
TPPO_API int32_t tppo_reward_model_loss_workspace(const tppo_reward_model_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_reward_model_loss(const tppo_reward_model_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/**
 * Class balance mask of the reward model (section 3.3): with n1, n2 valid tokens of class 1 and 2, each token of the larger class is kept
 * with probability min(1, rho smaller / larger); all others are kept; if n1 or n2 is 0 all are kept.
 * Token at 0-based position t of its sequence with sample number s is kept when word 0 of
 * Philox4x32-10(counter = {t, s, low(step), high(step)}, key = {low(seed), high(seed)}) < probability * 2^32: it depends on nothing else.
 * s = sample_ids[b], or first_sample + b. A label outside 0..2 at a valid token is TPPO_INVALID_ARGUMENT on the CPU, masked out on CUDA.
 * In place: out may be mask.
 */
typedef struct tppo_balance_mask_args {
  uint64_t size;
  int64_t num_tokens, num_sequences;
  double rho;                  /**< > 0, default 3 */
  uint64_t seed, step;
  int64_t first_sample;        /**< default 0 */
  int64_t count1, count2;      /**< n1 and n2 of the whole batch; -1 (default) = counted here */
  const int32_t* labels;       /**< [N] */
  const uint32_t* sample_ids;  /**< [B], nullable */
  const uint8_t* mask;         /**< [N], nullable */
  const int32_t* cu_seqlens;   /**< [B+1], nullable */
  uint8_t* out;                /**< [N] out, required: mask AND kept */
  double* stats;               /**< TPPO_BALANCE_STATS */
} tppo_balance_mask_args;
enum {
  TPPO_BALANCE_COUNT0 = 0, TPPO_BALANCE_COUNT1 = 1, TPPO_BALANCE_COUNT2 = 2, /**< valid tokens by class, of this call */
  TPPO_BALANCE_KEPT1 = 3, TPPO_BALANCE_KEPT2 = 4,                            /**< kept tokens, of this call */
  TPPO_BALANCE_STATS = 5
};
TPPO_API void tppo_balance_mask_init(tppo_balance_mask_args* args);
TPPO_API int32_t tppo_balance_mask_workspace(const tppo_balance_mask_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_balance_mask(const tppo_balance_mask_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- value_loss, dpo_loss */

/**
 * Clipped value loss: 0.5 * sum over valid tokens of max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2) / normalizer, with its gradient,
 * which is 0 where V lies outside the clip range and the clipped square is the larger. In place: grad_values may be values.
 */
typedef struct tppo_value_loss_args {
  uint64_t size;
  int64_t num_tokens;
  double clip;                 /**< c >= 0, default 0.2; negative = no clipping (old_values not read) */
  double normalizer;           /**< 0 = valid tokens of this call */
  const float* values;         /**< [N] */
  const float* old_values;     /**< [N], nullable without clipping */
  const float* returns;        /**< [N] */
  const uint8_t* mask;         /**< [N], nullable */
  float* per_token;            /**< [N] out: the max, before 0.5 */
  float* grad_values;          /**< [N] out */
  double* stats;               /**< TPPO_VALUE_STATS */
} tppo_value_loss_args;
enum {
  TPPO_VALUE_LOSS = 0,
  TPPO_VALUE_VALID = 1,
  TPPO_VALUE_CLIPPED = 2,      /**< tokens whose clipped square is the larger */
  TPPO_VALUE_ERROR = 3,        /**< sum of (V - R)^2 */
  TPPO_VALUE_VALUE = 4, TPPO_VALUE_RETURN = 5, TPPO_VALUE_RETURN_SQUARED = 6, /**< sums, for the explained variance */
  TPPO_VALUE_NORMALIZER = 7,
  TPPO_VALUE_STATS = 8
};
TPPO_API void tppo_value_loss_init(tppo_value_loss_args* args);
TPPO_API int32_t tppo_value_loss_workspace(const tppo_value_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_value_loss(const tppo_value_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/**
 * Direct preference optimisation (appendix H), sigmoid loss over pairs of summed sequence log-probs:
 *   chosen_rewards = beta (policy_chosen - ref_chosen), rejected_rewards likewise, margin = their difference,
 *   loss = sum of -ln sigmoid(margin) / normalizer, and its gradients with respect to the policy's log-probs.
 * Finite for any finite margin. Runs in double, rounds once.
 */
typedef struct tppo_dpo_loss_args {
  uint64_t size;
  int64_t num_pairs;
  double beta;                 /**< > 0, default 0.1 */
  double normalizer;           /**< 0 = num_pairs */
  const float* policy_chosen;  /**< [pairs], the four of them */
  const float* policy_rejected;
  const float* ref_chosen;
  const float* ref_rejected;
  float* losses;               /**< [pairs] out, all of them */
  float* chosen_rewards;
  float* rejected_rewards;
  float* margins;
  float* grad_chosen;
  float* grad_rejected;
  double* stats;               /**< TPPO_DPO_STATS */
} tppo_dpo_loss_args;
enum {
  TPPO_DPO_LOSS = 0,
  TPPO_DPO_CORRECT = 1,        /**< pairs with chosen_rewards > rejected_rewards */
  TPPO_DPO_CHOSEN = 2, TPPO_DPO_REJECTED = 3, TPPO_DPO_MARGIN = 4, /**< sums of rewards and margins */
  TPPO_DPO_STATS = 5
};
TPPO_API void tppo_dpo_loss_init(tppo_dpo_loss_args* args);
TPPO_API int32_t tppo_dpo_loss_workspace(const tppo_dpo_loss_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_dpo_loss(const tppo_dpo_loss_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/* ---------------------------------------------------------------- global_norm, scale, adamw */

/**
 * Norm over many tensors and the clipping factor: norm = sqrt(sum of squares), scale = min(1, max_norm / (norm + 1e-6)).
 * When the norm is not finite, scale is NaN: tppo_adamw and tppo_scale then do nothing.
 */
typedef struct tppo_global_norm_args {
  uint64_t size;
  int64_t num_tensors;
  double max_norm;             /**< > 0; 0 (default) = no clipping, scale 1 */
  const float* const* tensors; /**< host array of num_tensors addresses (on the call's device); NULL entries only with length 0 */
  const int64_t* lengths;      /**< host array of num_tensors element counts */
  double* stats;               /**< TPPO_NORM_STATS, required */
} tppo_global_norm_args;
enum { TPPO_NORM_NORM = 0, TPPO_NORM_SCALE = 1, TPPO_NORM_SUM_OF_SQUARES = 2, TPPO_NORM_STATS = 3 };
TPPO_API void tppo_global_norm_init(tppo_global_norm_args* args);
TPPO_API int32_t tppo_global_norm_workspace(const tppo_global_norm_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_global_norm(const tppo_global_norm_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/** x[i] *= factor * *device_factor, in place. Leaves x as it is when *device_factor is not finite. */
typedef struct tppo_scale_args {
  uint64_t size;
  int64_t length;
  double factor;               /**< default 1 */
  const double* device_factor; /**< one double on the call's device, nullable = 1; e.g. &stats[TPPO_NORM_SCALE] */
  float* x;                    /**< [length] in and out */
} tppo_scale_args;
TPPO_API void tppo_scale_init(tppo_scale_args* args);
TPPO_API int32_t tppo_scale_workspace(const tppo_scale_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_scale(const tppo_scale_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

/**
 * One AdamW step on one flat tensor, all in place, as torch.optim.AdamW; g = grad * (*grad_scale):
 *   p = p (1 - lr weight_decay);  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 *   p = p - lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
 * in float32; where the last bracket is 0 (no gradient yet, and an eps of 0 or below the numbers of float32) p only decays.
 * Leaves everything as it is when *grad_scale is not finite.
 */
typedef struct tppo_adamw_args {
  uint64_t size;
  int64_t length;
  int64_t step;                /**< t >= 1 */
  double lr;                   /**< >= 0, default 5e-6 */
  double beta1, beta2;         /**< in [0,1), default 0.9, 0.999 */
  double eps;                  /**< >= 0, default 1e-8 */
  double weight_decay;         /**< >= 0, default 0.01 */
  const double* grad_scale;    /**< one double on the call's device, nullable = 1; e.g. &stats[TPPO_NORM_SCALE] */
  const float* grad;           /**< [length] */
  float* param;                /**< [length] in and out */
  float* exp_avg;              /**< m, [length] in and out, 0 before step 1 */
  float* exp_avg_sq;           /**< v, [length] in and out, 0 before step 1 */
} tppo_adamw_args;
TPPO_API void tppo_adamw_init(tppo_adamw_args* args);
TPPO_API int32_t tppo_adamw_workspace(const tppo_adamw_args* args, int32_t device, uint64_t* bytes);
TPPO_API int32_t tppo_adamw(const tppo_adamw_args* args, int32_t device, void* stream, void* workspace, uint64_t workspace_size);

#ifdef __cplusplus
}
#endif

#endif
