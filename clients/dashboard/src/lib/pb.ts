/** The generated messages under one name; beyond the border (`api.ts`, the models) components get plain views. */
export * from '@gauntlet/client/gen/common';
export * from '@gauntlet/client/gen/run';
export * from '@gauntlet/client/gen/run_service';
export * from '@gauntlet/client/gen/server_service';
export * from '@gauntlet/client/gen/target';
export * from '@gauntlet/client/gen/target_service';
export * from '@gauntlet/client/gen/template';
export * from '@gauntlet/client/gen/template_service';
export * from '@gauntlet/client/gen/worker_service';
